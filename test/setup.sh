# What "make test" and "make demo" share: find or install what is missing,
# build, install into a private copy of the server's installation, run a
# private cluster.  Sourced by bash scripts that set:
#
#   gv_me    name for messages
#   gv_top   root of the checkout
#
# and call use_work_folder first.  In $gv_work/server, and only there, the
# server's user may write.
#
# Nothing here touches a cluster, or an installed gigavec, that is already
# there: the extension goes into $gv_stage, where the server's programs are
# copies and the rest are links.  PostgreSQL finds its files relative to its
# programs, so the copy is a whole installation of its own.
# shellcheck shell=bash disable=SC2034,SC2154 # shared variables

# A make that started us must not pass its flags to the builds
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS
# The user's connection settings name other clusters
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGSERVICE PGPASSWORD PGPASSFILE \
	PGOPTIONS PGDATA PGSERVICEFILE PGCLIENTENCODING PGSSLMODE

gv_min_major=15

say()
{
	printf '== %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "$gv_me" "$*" >&2
	exit 2
}

is_debian()
{
	[ -e /etc/debian_version ] && command -v apt-get >/dev/null
}

# Run a command as root, whoever we are; the reason is for the message
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

has_package()
{
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Whether packages can be installed without asking for a password
can_install()
{
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# Stop unless packages can be installed; what is missing is for the message
need_root_for()
{
	is_debian ||
		die "missing: $*. Install what provides it (the Debian packages have these names) and run this again."
	can_install && return
	command -v sudo >/dev/null ||
		die "missing packages: $*. There is no sudo: as root, run: apt-get install $*"
	[ -t 0 ] ||
		die "missing packages: $*. sudo wants a password and there is no terminal: run first: sudo apt-get install $*"
}

apt_lists_fresh=
apt_update()
{
	[ -z "$apt_lists_fresh" ] || return 0
	say "reading the package lists"
	# a broken third-party list need not hinder us
	as_root apt-get -qq update >&2 || say "apt-get update had errors; trying with the lists at hand"
	apt_lists_fresh=yes
}

apt_install()
{
	local log
	say "installing $*"
	log=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 --no-install-recommends install "$@" 2>&1) || {
		printf '%s\n' "$log" | tail -n 30 >&2
		die "apt-get could not install: $*"
	}
}

# Install the packages among the arguments that are missing
need_packages()
{
	local missing=() package
	for package in "$@"; do
		if ! is_debian || ! has_package "$package"; then
			missing+=("$package")
		fi
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	need_root_for "${missing[@]}"
	apt_update
	apt_install "${missing[@]}"
}

# Install packages that more can be tested with, if that takes no password
want_packages()
{
	is_debian && can_install || return 0
	(need_packages "$@") || say "going on without $*"
}

# The tools that building takes
need_build_tools()
{
	local packages=()
	command -v make >/dev/null || packages+=(make)
	if [ -n "${CC:-}" ]; then
		command -v "${CC%% *}" >/dev/null || die "the compiler CC=$CC was not found"
	elif ! command -v gcc >/dev/null; then
		packages+=(gcc)
	fi
	if is_debian && ! has_package libc6-dev; then
		packages+=(libc6-dev)
	fi
	command -v perl >/dev/null || packages+=(perl)
	[ ${#packages[@]} = 0 ] || need_packages "${packages[@]}"
}

# The major version of a pg_config, if one can build and run with it
usable_major()
{
	local major pgxs
	major=$("$1" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
	pgxs=$("$1" --pgxs 2>/dev/null) || return 1
	[ -n "$major" ] && [ "$major" -ge $gv_min_major ] && [ -f "$pgxs" ] &&
		[ -f "$("$1" --includedir-server)/postgres.h" ] &&
		[ -x "$("$1" --bindir)/postgres" ] && [ -x "$("$1" --bindir)/initdb" ] &&
		[ -x "$("$1" --bindir)/psql" ] && echo "$major"
}

# Print the pg_config of the newest PostgreSQL that can be used
find_pg_config()
{
	local candidate major best=0 found=
	for candidate in /usr/lib/postgresql/*/bin/pg_config "$(command -v pg_config || :)"; do
		[ -x "$candidate" ] || continue
		major=$(usable_major "$candidate") || continue
		if [ "$major" -gt "$best" ]; then
			best=$major
			found=$candidate
		fi
	done
	[ -n "$found" ] && echo "$found"
}

# Install a PostgreSQL with its development files from the distribution
install_postgres()
{
	local major="" dir rc=0 conf=/etc/postgresql-common/createcluster.conf
	for dir in /usr/lib/postgresql/*/; do
		[ -x "${dir}bin/postgres" ] || continue
		dir=${dir%/}
		[ "${dir##*/}" -ge $gv_min_major ] && [ "${dir##*/}" -gt "${major:-0}" ] && major=${dir##*/}
	done
	if [ -n "$major" ]; then
		need_packages "postgresql-$major" "postgresql-client-$major" "postgresql-server-dev-$major"
		return
	fi

	need_root_for postgresql postgresql-server-dev-NN
	apt_update
	major=$(apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	[ -n "$major" ] || die "apt knows no package postgresql: check the package sources"
	[ "$major" -ge $gv_min_major ] ||
		die "this distribution has PostgreSQL $major; gigavec needs $gv_min_major or newer: see https://apt.postgresql.org"

	# Installing the server must not create and start a cluster
	has_package postgresql-common || apt_install postgresql-common
	if [ -f "$conf" ]; then
		as_root sed -i '$a create_main_cluster = false # for the set-up of gigavec' "$conf"
	fi
	(apt_install "postgresql-$major" "postgresql-server-dev-$major") || rc=$?
	if [ -f "$conf" ]; then
		as_root sed -i '/# for the set-up of gigavec$/d' "$conf"
	fi
	[ $rc = 0 ] || exit $rc
}

# Set PG_CONFIG and what follows from it, installing PostgreSQL if need be
choose_postgres()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		PG_CONFIG=$(command -v "$PG_CONFIG") || die "PG_CONFIG does not name a program"
		gv_major=$(usable_major "$PG_CONFIG") ||
			die "PG_CONFIG=$PG_CONFIG: needs PostgreSQL $gv_min_major or newer with server, psql and development files"
	else
		PG_CONFIG=$(find_pg_config) || {
			install_postgres
			PG_CONFIG=$(find_pg_config) ||
				die "no PostgreSQL of version $gv_min_major or newer with its development files was found; set PG_CONFIG"
		}
		gv_major=$(usable_major "$PG_CONFIG")
	fi
	gv_pgxs=$("$PG_CONFIG" --pgxs)
	# the folder with PostgreSQL's own test programs
	gv_pgxs_test=${gv_pgxs%/makefiles/pgxs.mk}/test
	say "PostgreSQL: $("$PG_CONFIG" --version)"
}

# Choose who runs the servers, since postgres refuses to run as root.
# Sets gv_user and the command prefix gv_as.
choose_server_user()
{
	gv_user=$(id -un)
	gv_as=()
	[ "$(id -u)" = 0 ] || return 0
	for gv_user in postgres nobody ""; do
		id "$gv_user" >/dev/null 2>&1 && break
	done
	[ -n "$gv_user" ] || die "no user postgres or nobody to run the server as: create a system user postgres"
	command -v setpriv >/dev/null || die "setpriv (util-linux) was not found"
	gv_as=(setpriv "--reuid=$gv_user" "--regid=$(id -g "$gv_user")" --init-groups
		env "HOME=$gv_work" "USER=$gv_user" "LOGNAME=$gv_user")
}

# Run a command as the server's user, in a process group of its own, so that
# an interrupt reaches us first and can stop everything in order
gv_child=
as_server()
{
	local rc=0
	(cd "$gv_work" && exec setsid "${gv_as[@]}" "$@") &
	gv_child=$!
	wait $gv_child || rc=$?
	gv_child=
	return $rc
}

# Take a folder for everything temporary: one where the server's user may go,
# with one below, server, where he may write
use_work_folder()
{
	gv_work=$1
	chmod 755 "$gv_work"
	choose_server_user
	"${gv_as[@]}" test -x "$gv_work" ||
		die "user $gv_user cannot reach $gv_work: $2"
	mkdir -p "$gv_work/server"
	[ "$(id -u)" != 0 ] || chown "$gv_user" "$gv_work/server"
	chmod 700 "$gv_work/server"
}

# What a second build and a second installation beside the first are called
gv_variant=

# Build the extension from a copy of the sources; extra words go to make.
# Sets gv_build, and gv_cache, where it was compiled.  Objects are kept under build/ for the next time, but nothing
# is run from there, so that several can build at once.
build_extension()
{
	local name=$1 cache config old_config=""
	shift
	cache=$gv_top/build/$name-$(id -un)
	if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
		cache=$gv_work/cache
		mkdir -p "$cache"
	fi
	exec 9>"$cache.lock"
	flock 9

	config="$PG_CONFIG $("$PG_CONFIG" --version) ${CC:-} $*"
	[ ! -f "$cache/config" ] || old_config=$(cat "$cache/config")
	if [ "$config" != "$old_config" ]; then
		rm -rf "${cache:?}"
		mkdir -p "$cache"
		printf '%s\n' "$config" >"$cache/config"
	fi

	# keep the objects, renew everything else
	find "$cache" -type f ! -name '*.o' ! -name '*.d' ! -path "$cache/config" -delete
	(
		cd "$gv_top" || exit
		find . -type f ! -path './.git*' ! -path './build/*' ! -path './sql/gigavec--*.sql' \
			! -path './sql/vector--*.sql' ! -path './sql/vector.control' \
			! -path './tmp_check/*' ! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name '*.bc' -print0 |
			tar --null -T - -cf -
	) | tar -C "$cache" -xf -

	say "building in $cache"
	[ -z "${CC:-}" ] || set -- "CC=$CC" "$@"
	make -s -C "$cache" -j"$(nproc 2>/dev/null || echo 1)" "PG_CONFIG=$PG_CONFIG" "$@" \
		>"$gv_work/build.log" 2>&1 || {
		cat "$gv_work/build.log" >&2
		die "the extension could not be built"
	}
	cat "$gv_work/build.log" >&2
	# what gave a warning is compiled again the next time, to give it again
	! grep -qE '^[^ ]+:[0-9]+:[0-9]+: warning: ' "$gv_work/build.log" || rm -f "$cache/config"
	gv_cache=$cache
	gv_build=$gv_work/build$gv_variant
	cp -pR "$cache" "$gv_build"
	exec 9>&-
}

# Link what is in one folder into another, but for what we bring ourselves, and
# for pgvector, whose name we take as well
link_files()
{
	local file
	mkdir -p "$2"
	for file in "$1"/*; do
		case ${file##*/} in
			gigavec* | vector.* | vector--* | extension) ;;
			*) ln -sf "$file" "$2/" ;;
		esac
	done
}

# Make the private copy of the installation and install the build into it;
# words are for make, as those of build_extension.  Sets gv_stage and gv_bin.
# shellcheck disable=SC2120 # not all callers have words
install_privately()
{
	local bin lib share
	gv_stage=$gv_work/pg$gv_variant
	bin=$("$PG_CONFIG" --bindir)
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	gv_bin=$gv_stage$bin
	rm -rf "$gv_stage"
	mkdir -p "$gv_bin"
	# the folder of the programs is where PostgreSQL looks from; in /usr/bin
	# there is much else
	case $bin in
		*postgres* | *pgsql*) cp -LR "$bin/." "$gv_bin/" ;;
		*) cp -L "$bin"/pg_* "$bin"/postgres "$bin"/psql "$bin"/initdb "$bin"/createdb "$bin"/dropdb \
			"$bin"/vacuumdb "$bin"/reindexdb "$gv_bin/" ;;
	esac
	link_files "$lib" "$gv_stage$lib"
	link_files "$share" "$gv_stage$share"
	link_files "$share/extension" "$gv_stage$share/extension"
	make -s -C "$gv_build" install-vector "PG_CONFIG=$PG_CONFIG" "DESTDIR=$gv_stage" "$@" >/dev/null ||
		die "the extension could not be installed into $gv_stage"
	# a test adds versions there
	[ "$(id -u)" != 0 ] || chown "$gv_user" "$gv_stage$share/extension"
	[ "$("$gv_bin/pg_config" --pkglibdir) $("$gv_bin/pg_config" --sharedir)" = \
		"$gv_stage$lib $gv_stage$share" ] ||
		die "this PostgreSQL cannot be run from another folder (its pg_config does not follow its place)"
}

# Create and start a cluster: cluster_start folder socket-folder setting...
# The socket folder is short, since a socket's path is limited to 107 bytes.
cluster_start()
{
	local data=$1 socket=$2 setting
	shift 2
	[ ${#socket} -le 85 ] ||
		die "the path of the folder for temporary files is too long: set TMPDIR to a shorter one"
	as_server "$gv_bin/initdb" -D "$data" -A trust -U postgres --no-locale -E UTF8 -N \
		>"$gv_work/initdb.log" 2>&1 || {
		cat "$gv_work/initdb.log" >&2
		die "initdb failed"
	}
	for setting in "listen_addresses = ''" "unix_socket_directories = '$socket'" "$@"; do
		as_server sh -c "printf '%s\n' \"\$1\" >>\"\$2\"" sh "$setting" "$data/postgresql.conf"
	done
	as_server "$gv_bin/pg_ctl" -s -w -D "$data" -l "$data.log" start || {
		tail -n 20 "$data.log" >&2 || :
		die "the private server did not start"
	}
}

cluster_stop()
{
	if [ -f "$1/postmaster.pid" ]; then
		as_server "$gv_bin/pg_ctl" -s -w -D "$1" -m "${2:-fast}" stop || :
	fi
}

# Stop every server whose data is below the folder for temporary files
stop_servers_below()
{
	local pid_file
	find "$1" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
		cluster_stop "${pid_file%/postmaster.pid}" immediate 2>/dev/null
	done
}
