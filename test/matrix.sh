# The matrix: what is tested beside the usual build for the PostgreSQL at hand.
# Sourced by test/run, after test/setup.sh.
#
# A leg is a run of test/run of its own.  One that this machine cannot run, or
# that does not come to its end in time, is skipped with a word: a test that
# fails makes the run fail, a network that is slow does not.
# shellcheck shell=bash disable=SC2154 # variables of test/run and test/setup.sh

# The time for the whole run: no leg begins that is not likely to end in it
matrix_seconds=$((${GIGAVEC_MINUTES:-55} * 60))

# The longest that a leg may take, and a folder with another release to be made
leg_seconds=1500
root_seconds=420

# Where Debian has which PostgreSQL
declare -A release_of=([15]=bookworm [17]=trixie [18]=forky)
# the processes of the lanes, see step_matrix
gv_lanes=()
roots=${GIGAVEC_ROOTS:-/var/tmp/gigavec-roots-$(id -un)}

# Run a command in a process group of its own, which ends with us, and for no
# longer than some seconds
# Usage: run_for seconds command...
run_for()
{
	local rc=0
	setsid timeout -k 30 "$@" </dev/null &
	gv_child=$!
	wait $gv_child || rc=$?
	gv_child=
	return $rc
}

# Run a leg and add up what it counts
# Usage: run_leg name seconds-it-usually-takes command...
run_leg()
{
	local name=$1 usual=$2 left status=0 log sum line
	shift 2
	log=$gv_work/log/matrix-$name.log
	left=$((matrix_seconds - SECONDS))
	if [ $left -lt "$usual" ]; then
		skip "matrix: $name: too late, it takes about $usual s"
		return
	fi
	[ $left -lt $leg_seconds ] || left=$leg_seconds
	say "matrix: $name"
	run_for $left "$@" >"$log" 2>&1 || status=$?
	if [ $status = 124 ] || [ $status = 137 ]; then
		tail -n 5 "$log"
		skip "matrix: $name: not done after $left s"
		return
	fi
	sum=$(tail -n 1 "$log")
	case $sum in
		*" passed, "*" failed, "*" skipped")
			passed=$((passed + ${sum%% passed*}))
			sum=${sum#*passed, }
			skipped=$((skipped + $(echo "${sum#*failed, }" | cut -d' ' -f1)))
			sum=$(tail -n 1 "$log")
			;;
		*)
			fail "matrix: $name: ended with status $status"
			tail -n 100 "$log"
			return
			;;
	esac
	if [ $status = 0 ]; then
		say "matrix: $name: $sum"
		return
	fi
	while IFS= read -r line; do
		case $line in
			"   "*) fail "matrix: $name: ${line#   }" ;;
		esac
	done < <(sed -n '/^== failed:$/,$p' "$log")
	head -n 400 "$log"
}

leg_assert()
{
	run_leg assert 150 env GIGAVEC_LOG=log-assert "$gv_top/test/run" --assert regress isolation
}

leg_clang()
{
	want_packages clang
	command -v clang >/dev/null || {
		skip "matrix: clang: there is none"
		return
	}
	run_leg clang 180 env GIGAVEC_LOG=log-clang CC=clang "$gv_top/test/run" lint regress isolation
}

leg_sanitize()
{
	[ -e "$(${CC:-gcc} -print-file-name=libasan.so)" ] || {
		skip "matrix: sanitize: ${CC:-gcc} has no address sanitizer"
		return
	}
	run_leg sanitize 500 env GIGAVEC_LOG=log-sanitize "$gv_top/test/run" --sanitize unit regress
}

# Where packages of this machine's release come from, with -security its updates
own_mirror()
{
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
		awk -v "release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)$1" '$2 == release { print $1; exit }'
}

# Run a command in the folder with another release; its mounts end with it
# Usage: in_root folder command...
in_root()
{
	local folder=$1
	shift
	# shellcheck disable=SC2016 # for the shell below
	unshare -m sh -c 'root=$1; shift
		mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 125
		cd / && exec chroot "$root" /usr/bin/env -u PG_CONFIG -u CC -u TMPDIR -u GIGAVEC_DATA \
			HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$folder" "$@"
}

# Make the folder with the Debian that has a version of PostgreSQL, or take the
# one that is there.  Sets root; says why there is none and returns 1 else.
# Usage: need_root leg version
need_root()
{
	local leg=$1 major=$2 release=${release_of[$2]} mirror script log=$gv_work/log/root-$2.log
	root=$roots/$release
	[ "$(id -u)" = 0 ] && is_debian || {
		skip "matrix: $leg: a folder with Debian $release takes root on a Debian"
		return 1
	}
	mkdir -p "$roots"
	exec 8>"$roots/$release.lock"
	flock -w 60 8 || {
		skip "matrix: $leg: somebody else makes $root"
		return 1
	}
	if [ ! -e "$root/complete" ]; then
		if [ $((matrix_seconds - SECONDS)) -lt 300 ] ||
			[ "$(df --output=avail -k "$roots" | tail -n 1)" -lt 4000000 ]; then
			skip "matrix: $leg: no time or room to make $root"
			exec 8>&-
			return 1
		fi
		want_packages debootstrap
		mirror=$(own_mirror "")
		# a debootstrap older than the release makes it as it makes the newest that it knows
		script=/usr/share/debootstrap/scripts/$release
		[ -e "$script" ] || script=${script%/*}/sid
		say "making $root"
		rm -rf --one-file-system "${root:?}"
		# its mounts end with it
		if ! command -v debootstrap >/dev/null || [ -z "$mirror" ] ||
			! run_for $root_seconds unshare -m debootstrap --variant=minbase \
				"--include=postgresql-$major,postgresql-server-dev-$major,gcc,libc6-dev,make,perl,libipc-run-perl" \
				"$release" "$root" "$mirror" "$script" >"$log" 2>&1; then
			[ ! -f "$log" ] || tail -n 3 "$log"
			skip "matrix: $leg: Debian $release could not be had"
			rm -rf --one-file-system "${root:?}" || :
			exec 8>&-
			return 1
		fi
		touch "$root/complete"
	fi
	# where this machine has its updates from, the newest minor version
	mirror=$(own_mirror -security)
	if [ ! -e "$root/updated" ] && [ -n "$mirror" ]; then
		cp /etc/resolv.conf "$root/etc/" 2>/dev/null || :
		echo "deb $mirror $release-security main" >"$root/etc/apt/sources.list.d/security.list"
		export -f in_root
		# shellcheck disable=SC2016 # for the shell below
		! run_for 120 bash -c 'in_root "$@"' bash "$root" sh -c \
			'apt-get -qq update && apt-get -qq -y --no-install-recommends install postgresql-$1 postgresql-server-dev-$1' \
			sh "$major" >>"$log" 2>&1 || touch "$root/updated"
	fi
	exec 8>&-
	in_root "$root" sh -c ": >/dev/null && setpriv --reuid=postgres true && /usr/lib/postgresql/$major/bin/postgres --version" \
		>"$log" 2>&1 || {
		skip "matrix: $leg: PostgreSQL $major does not run in $root"
		return 1
	}
}

# Run test/run in such a folder
# Usage: run_in_root leg usual-seconds version word...
run_in_root()
{
	local leg=$1 usual=$2 major=$3 top
	shift 3
	# objects are kept there for the next time
	top=$root/gigavec$(echo "$gv_top" | tr / -)
	mkdir -p "$top"
	find "$top" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	(
		cd "$gv_top" || exit
		find . -type f ! -path './.git/*' ! -path './build/*' ! -path './tmp_check/*' ! -path './test/unit/build*' \
			! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name '*.bc' -print0 | tar --null -T - -cf -
	) | tar -C "$top" -xf -
	export -f in_root
	run_leg "$leg" "$usual" bash -c 'in_root "$@"' bash "$root" \
		env "GIGAVEC_OLD_INSTALL=${old_install:-}" "${top#"$root"}/test/run" "$@"
}

# Another version of PostgreSQL: no warnings, and what one session and several see
leg_version()
{
	local major=$1 root
	if [ "$gv_major" = "$major" ]; then
		return
	fi
	need_root "pg$major" "$major" || return 0
	run_in_root "pg$major" 200 "$major" lint regress isolation
}

leg_pg15()
{
	leg_version 15
}

leg_pg17()
{
	leg_version 17
}

leg_pg18()
{
	leg_version 18
}

# Print the minor version of "postgres (PostgreSQL) 17.12 ..."
minor_of()
{
	echo "$1" | sed -E 's/^[^0-9]*[0-9]+\.?([0-9]*).*/\1/; s/^$/0/'
}

# pg_upgrade from the PostgreSQL at hand to another: its programs, with the
# libraries that the other release has not
leg_upgrade()
{
	local root major=17 old_install old library minor old_minor
	if [ "$gv_major" -ge $major ]; then
		skip "matrix: upgrade: PostgreSQL $gv_major is not older than $major"
		return
	fi
	need_root upgrade $major || return 0
	# minor releases of all versions come at once, and a version begins when the
	# one before has had about four: 15.20 is as old as 17.12
	old_minor=$(minor_of "$("$gv_bin/postgres" --version)")
	minor=$(minor_of "$(in_root "$root" "/usr/lib/postgresql/$major/bin/postgres" --version)")
	if [ $((minor + 4 * (major - gv_major))) -lt "$old_minor" ]; then
		skip "matrix: upgrade: PostgreSQL $major.$minor is older than $gv_major.$old_minor"
		return
	fi
	old_install=/opt/gigavec-old$gv_stage/usr/lib/postgresql/$gv_major
	case $gv_bin in
		"$gv_stage/usr/lib/postgresql/$gv_major/bin") ;;
		*)
			skip "matrix: upgrade: PostgreSQL is not where Debian has it"
			return
			;;
	esac
	old=$root/opt/gigavec-old
	rm -rf "$old"
	mkdir -p "$old$gv_stage"
	cp -rL "$gv_stage/usr" "$old$gv_stage/" 2>/dev/null || :
	for library in $(ldd "$gv_bin/postgres" "$gv_bin/psql" "$gv_bin/pg_dump" | awk '/=> \// { print $3 }' | sort -u); do
		if [ ! -e "$root/usr/lib/$(uname -m)-linux-gnu/${library##*/}" ] && [ ! -e "$root$library" ]; then
			cp -L "$library" "$root/usr/local/lib/"
		fi
	done
	in_root "$root" sh -c "ldconfig && '$old_install/bin/postgres' --version" >/dev/null 2>&1 || {
		skip "matrix: upgrade: PostgreSQL $gv_major does not run in $root"
		return
	}
	run_in_root upgrade 100 $major tap 023_moves
}

# Take the next legs from a file with a line for each lot; prints none when there are no more
next_legs()
{
	(
		flock 7
		head -n 1 "$1"
		sed -i 1d "$1"
	) 7>"$1.lock"
}

# Run legs one after the other, as long as there are any, and leave what they
# counted in a file
# Usage: run_lane file-of-legs file
run_lane()
{
	local queue=$1 result=$2 legs leg
	trap '[ -z "$gv_child" ] || kill -TERM -- "-$gv_child" 2>/dev/null; exit 143' TERM
	passed=0
	failed=0
	skipped=0
	failures=()
	while legs=$(next_legs "$queue") && [ -n "$legs" ]; do
		for leg in $legs; do
			"leg_$leg"
		done
	done
	{
		echo "$passed $failed $skipped"
		[ $failed = 0 ] || printf '%s\n' "${failures[@]}"
	} >"$result"
}

# Start a lane.  What the TAP tests beside it need of the machine comes first.
start_lane()
{
	local n=${#gv_lanes[@]}
	(
		renice -n 3 -p "$BASHPID" >/dev/null 2>&1 || :
		run_lane "$gv_work/legs" "$gv_work/lane$n"
	) &
	gv_lanes+=($!)
}

# Start the first lane, beside the TAP tests, which seldom use two processors.
# What both would install, perhaps at once, is installed before.
matrix_begin()
{
	want_packages clang
	want_packages libclang-rt-dev
	want_packages debootstrap
	# legs that share a folder are one lot
	printf '%s\n' assert clang sanitize "pg17 upgrade" pg18 pg15 >"$gv_work/legs"
	start_lane
}

# Two lanes at a time: what compiles takes all processors, what is tested one
step_matrix()
{
	local i result p f s line
	if [ $# -gt 0 ]; then
		for line in "$@"; do
			[ "$(type -t "leg_$line")" = function ] || die "the matrix has no leg $line"
		done
		echo "$*" >"$gv_work/legs"
	elif [ ${#gv_lanes[@]} = 0 ]; then
		matrix_begin
	fi
	start_lane
	for i in "${!gv_lanes[@]}"; do
		wait "${gv_lanes[i]}" || :
		result=$gv_work/lane$i
		[ -f "$result" ] || {
			fail "matrix: lane $i ended early"
			continue
		}
		{
			read -r p f s
			passed=$((passed + p))
			failed=$((failed + f))
			skipped=$((skipped + s))
			while IFS= read -r line; do
				failures+=("$line")
			done
		} <"$result"
	done
	gv_lanes=()
}
