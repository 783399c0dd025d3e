/*-------------------------------------------------------------------------
 *
 * client.c
 *		Send vector queries or rows to a server and measure what they take.
 *
 * gvbench-client search|insert CONNINFO SQL VECTORS [option=value ...]
 *
 * VECTORS is a raw file of float32[n][dim], native byte order; dim=N is
 * required.  Every thread has its own connection and prepares SQL once; the
 * vector goes as a binary parameter (int16 dimensions, int16 zero, float4[],
 * all big-endian), so no time is spent on text.
 *
 * search	SQL has the vector as $1 and returns int4 or int8 ids in its first
 *			column.  Each thread sends all vectors once without measuring (for
 *			at most warmup= seconds, unless ids= wants the answers), then
 *			repeats them, each thread from its own place, for seconds= seconds.
 *			With bounds=FILE, a raw file of int32[n][2], SQL has the two bounds
 *			that belong to the vector as int4 in $2 and, if it has a $3, in that.
 *			With pin=1 each thread and its backend share a processor.  With evict=FILE, as
 *			often as there are files, the system's cache forgets these files
 *			before every query; that is not measured.
 *			With form=point or form=cube the vector goes as a value of that type
 *			instead, in doubles.
 * insert	SQL has an int4 id as $1 and the vector as $2.  The vectors are
 *			sent once, by one connection, batch= rows to a transaction.
 *
 * Prints one line of JSON.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define MAX_SETTINGS 32
#define MAX_CLIENTS 64
#define MAX_EVICTED 256

typedef struct Options
{
	const char *conninfo;
	const char *sql;
	const char *ids_path;		/* where to write int32[n][k], or NULL */
	const char *bounds_path;	/* where to read int32[n][2], or NULL */
	const char *settings[MAX_SETTINGS]; /* commands sent after connecting */
	int			nsettings;
	int			evicted[MAX_EVICTED];	/* files that the system shall forget */
	int			nevicted;
	int			dim;
	enum
	{
		FORM_VECTOR, FORM_POINT, FORM_CUBE
	}			form;			/* binary form of a vector */
	int			k;				/* ids kept of each answer */
	int			clients;
	int			batch;			/* rows in one transaction */
	int			first_id;		/* id of the first row inserted */
	bool		pin;			/* does a thread share a processor with its backend? */
	double		seconds;
	double		warmup;
} Options;

typedef struct Worker
{
	pthread_t	thread;
	int			number;
	PGconn	   *conn;
	double	   *latency;		/* seconds of each measured query */
	int64_t		nlatency;
	int64_t		capacity;
	double		started;
	double		ended;
} Worker;

static Options opt;
static int	nvectors;
static char *params;			/* binary parameters, one after the other */
static size_t param_size;
static uint32_t *bounds;		/* [nvectors][2], big-endian; or NULL */
static int32_t *ids;			/* [nvectors][opt.k], -1 where none came */
static Worker workers[MAX_CLIENTS];
static pthread_barrier_t barrier;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "gvbench-client: %s: %s\n", what, why);
	exit(1);
}

static void *
allocate(size_t size)
{
	void	   *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		die("memory", "out of memory");
	return p;
}

/* Write a vector as a point, or as a cube that is a point. */
static void
write_doubles(char *p, const float *row)
{
	if (opt.form == FORM_CUBE)
	{
		uint32_t	head = htonl(0x80000000u | (uint32_t) opt.dim);

		memcpy(p, &head, 4);
		p += 4;
	}
	for (int j = 0; j < opt.dim; j++)
	{
		double		x = row[j];
		uint64_t	bits;
		uint32_t	halves[2];

		memcpy(&bits, &x, 8);
		halves[0] = htonl((uint32_t) (bits >> 32));
		halves[1] = htonl((uint32_t) bits);
		memcpy(p + 8 * (size_t) j, halves, 8);
	}
}

/* Read the vectors and turn them into binary parameters. */
static void
read_vectors(const char *path)
{
	FILE	   *f = fopen(path, "rb");
	uint32_t   *row = allocate((size_t) opt.dim * 4);
	long		size;

	if (f == NULL)
		die(path, "could not open");
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	if (size <= 0 || size % (opt.dim * 4L) != 0)
		die(path, "size is not a multiple of the vector size");
	nvectors = (int) (size / (opt.dim * 4L));
	param_size = opt.form == FORM_VECTOR ? 4 + (size_t) opt.dim * 4 :
		(opt.form == FORM_CUBE ? 4 : 0) + (size_t) opt.dim * 8;
	params = allocate((size_t) nvectors * param_size);
	for (int i = 0; i < nvectors; i++)
	{
		char	   *p = params + (size_t) i * param_size;
		uint16_t	dim = htons((uint16_t) opt.dim);

		if (fread(row, 4, (size_t) opt.dim, f) != (size_t) opt.dim)
			die(path, "could not read");
		if (opt.form != FORM_VECTOR)
		{
			write_doubles(p, (float *) row);
			continue;
		}
		memcpy(p, &dim, 2);
		for (int j = 0; j < opt.dim; j++)
		{
			uint32_t	bits = htonl(row[j]);

			memcpy(p + 4 + 4 * (size_t) j, &bits, 4);
		}
	}
	fclose(f);
	free(row);
}

/* Read the bounds of the filter that belong to each vector. */
static void
read_bounds(const char *path)
{
	FILE	   *f = fopen(path, "rb");

	bounds = allocate((size_t) nvectors * 2 * sizeof(uint32_t));
	if (f == NULL || fread(bounds, 2 * sizeof(uint32_t), (size_t) nvectors, f) !=
		(size_t) nvectors)
		die(path, "could not read two bounds for each vector");
	fclose(f);
	for (int i = 0; i < 2 * nvectors; i++)
		bounds[i] = htonl(bounds[i]);
}

/*
 * Open a file that the system's cache is to forget; all of it must be on the
 * disk, or forgetting does nothing.
 */
static void
open_evicted(const char *path)
{
	int			fd = open(path, O_RDONLY);

	if (opt.nevicted == MAX_EVICTED)
		die(path, "too many files");
	if (fd < 0)
		die(path, strerror(errno));
	fsync(fd);
	opt.evicted[opt.nevicted++] = fd;
}

static void
evict(void)
{
	for (int i = 0; i < opt.nevicted; i++)
	{
		int			error = posix_fadvise(opt.evicted[i], 0, 0, POSIX_FADV_DONTNEED);

		if (error != 0)
			die("posix_fadvise", strerror(error));
	}
}

static void
run_command(PGconn *conn, const char *command)
{
	PGresult   *res = PQexec(conn, command);
	ExecStatusType status = PQresultStatus(res);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die(command, PQerrorMessage(conn));
	PQclear(res);
}

static PGconn *
open_connection(void)
{
	PGconn	   *conn = PQconnectdb(opt.conninfo);
	PGresult   *res;

	if (PQstatus(conn) != CONNECTION_OK)
		die("connection", PQerrorMessage(conn));
	for (int i = 0; i < opt.nsettings; i++)
		run_command(conn, opt.settings[i]);
	res = PQprepare(conn, "q", opt.sql, 0, NULL);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die("prepare", PQerrorMessage(conn));
	PQclear(res);
	return conn;
}

/* Send query number i; keep the ids of the answer when `keep`. */
static void
send_query(PGconn *conn, int i, bool keep)
{
	const char *values[3] = {params + (size_t) i * param_size};
	const int	lengths[3] = {(int) param_size, 4, 4};
	const int	formats[3] = {1, 1, 1};
	int			n = 1;
	PGresult   *res;

	if (bounds != NULL)
	{
		values[1] = (char *) &bounds[2 * (size_t) i];
		values[2] = (char *) &bounds[2 * (size_t) i + 1];
		n = strstr(opt.sql, "$3") != NULL ? 3 : 2;
	}
	res = PQexecPrepared(conn, "q", n, values, lengths, formats, 1);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		die("query", PQerrorMessage(conn));
	if (keep)
	{
		int			rows = PQntuples(res);

		for (int j = 0; j < opt.k; j++)
		{
			uint32_t	low = UINT32_MAX;

			/* of a big-endian int8 the last four bytes are the low ones */
			if (j < rows)
				memcpy(&low, PQgetvalue(res, j, 0) + PQgetlength(res, j, 0) - 4, 4);
			ids[(size_t) i * (size_t) opt.k + (size_t) j] = (int32_t) ntohl(low);
		}
	}
	PQclear(res);
}

/*
 * Put a thread and its backend on the same processor.  Only one of the two
 * runs at a time, and the other is then woken without an interrupt to another
 * processor, which costs 15 us and more on a virtual machine.
 */
static void
share_processor(const Worker *w)
{
#ifdef __linux__
	cpu_set_t	allowed;
	cpu_set_t	one;
	int			chosen = 0;
	int			rank;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		die("sched_getaffinity", strerror(errno));
	rank = w->number % CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
	{
		if (!CPU_ISSET(cpu, &allowed) || rank-- > 0)
			continue;
		chosen = cpu;
		break;
	}
	CPU_ZERO(&one);
	CPU_SET(chosen, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0 ||
		sched_setaffinity(PQbackendPID(w->conn), sizeof(one), &one) != 0)
		die("sched_setaffinity", strerror(errno));
#else
	(void) w;
#endif
}

static void *
run_search(void *arg)
{
	Worker	   *w = arg;
	bool		keep = w->number == 0 && opt.ids_path != NULL;
	double		start = now();
	int			i = w->number * (nvectors / opt.clients);

	if (opt.pin)
		share_processor(w);

	for (int n = 0; n < nvectors; n++)
	{
		if (!keep && now() - start > opt.warmup)
			break;
		send_query(w->conn, n, keep);
	}

	pthread_barrier_wait(&barrier);
	w->started = w->ended = now();
	while (w->ended - w->started < opt.seconds)
	{
		double		begin = w->ended;

		if (opt.nevicted > 0)
		{
			evict();
			begin = now();
		}
		send_query(w->conn, i, false);
		i = (i + 1) % nvectors;
		w->ended = now();
		if (w->nlatency == w->capacity)
		{
			w->capacity = w->capacity > 0 ? w->capacity * 2 : 4096;
			w->latency = realloc(w->latency, (size_t) w->capacity * sizeof(double));
			if (w->latency == NULL)
				die("memory", "out of memory");
		}
		w->latency[w->nlatency++] = w->ended - begin;
	}
	return NULL;
}

static int
compare_double(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Put the workers' latencies together and print the result. */
static void
print_search(void)
{
	int64_t		n = 0;
	double		qps = 0;
	double		sum = 0;
	double	   *all;

	for (int i = 0; i < opt.clients; i++)
		n += workers[i].nlatency;
	all = allocate((size_t) n * sizeof(double));
	n = 0;
	for (int i = 0; i < opt.clients; i++)
	{
		Worker	   *w = &workers[i];

		if (w->nlatency == 0)
			continue;
		memcpy(all + n, w->latency, (size_t) w->nlatency * sizeof(double));
		n += w->nlatency;
		qps += (double) w->nlatency / (w->ended - w->started);
	}
	qsort(all, (size_t) n, sizeof(double), compare_double);
	for (int64_t i = 0; i < n; i++)
		sum += all[i];
	printf("{\"queries\": %lld, \"qps\": %.2f", (long long) n, qps);
	if (n > 0)
		printf(", \"mean_us\": %.2f", sum / (double) n * 1e6);
	if (n > 0)
		printf(", \"p50_us\": %.2f, \"p95_us\": %.2f, \"p99_us\": %.2f",
			   all[n / 2] * 1e6, all[n * 95 / 100] * 1e6, all[n * 99 / 100] * 1e6);
	printf("}\n");
	free(all);
}

static void
search(void)
{
	ids = allocate((size_t) nvectors * (size_t) opt.k * sizeof(int32_t));
	pthread_barrier_init(&barrier, NULL, (unsigned) opt.clients);
	for (int i = 0; i < opt.clients; i++)
	{
		workers[i].number = i;
		workers[i].conn = open_connection();
	}
	for (int i = 0; i < opt.clients; i++)
		if (pthread_create(&workers[i].thread, NULL, run_search, &workers[i]) != 0)
			die("thread", "could not create");
	for (int i = 0; i < opt.clients; i++)
	{
		pthread_join(workers[i].thread, NULL);
		PQfinish(workers[i].conn);
	}
	if (opt.ids_path != NULL)
	{
		FILE	   *f = fopen(opt.ids_path, "wb");
		size_t		n = (size_t) nvectors * (size_t) opt.k;

		if (f == NULL || fwrite(ids, sizeof(int32_t), n, f) != n || fclose(f) != 0)
			die(opt.ids_path, "could not write");
	}
	print_search();
}

static void
insert(void)
{
	PGconn	   *conn = open_connection();
	double		start = now();
	double		elapsed;

	for (int i = 0; i < nvectors; i++)
	{
		uint32_t	id = htonl((uint32_t) (opt.first_id + i));
		const char *values[2] = {(char *) &id, params + (size_t) i * param_size};
		const int	lengths[2] = {4, (int) param_size};
		const int	formats[2] = {1, 1};
		PGresult   *res;

		if (i % opt.batch == 0)
			run_command(conn, "BEGIN");
		res = PQexecPrepared(conn, "q", 2, values, lengths, formats, 1);
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			die("insert", PQerrorMessage(conn));
		PQclear(res);
		if (i % opt.batch == opt.batch - 1 || i == nvectors - 1)
			run_command(conn, "COMMIT");
	}
	elapsed = now() - start;
	printf("{\"rows\": %d, \"seconds\": %.4f, \"rows_per_second\": %.2f}\n",
		   nvectors, elapsed, nvectors / elapsed);
	PQfinish(conn);
}

/* Read one option=value argument. */
static void
read_option(const char *arg)
{
	const char *value = strchr(arg, '=');
	size_t		n;

	if (value == NULL)
		die(arg, "not of the form option=value");
	n = (size_t) (value++ - arg);
#define IS(name) (n == strlen(name) && strncmp(arg, name, n) == 0)
	if (IS("dim"))
		opt.dim = atoi(value);
	else if (IS("form"))
		opt.form = strcmp(value, "cube") == 0 ? FORM_CUBE :
			strcmp(value, "point") == 0 ? FORM_POINT : FORM_VECTOR;
	else if (IS("k"))
		opt.k = atoi(value);
	else if (IS("clients"))
		opt.clients = atoi(value);
	else if (IS("batch"))
		opt.batch = atoi(value);
	else if (IS("first_id"))
		opt.first_id = atoi(value);
	else if (IS("evict"))
		open_evicted(value);
	else if (IS("pin"))
		opt.pin = atoi(value) != 0;
	else if (IS("seconds"))
		opt.seconds = atof(value);
	else if (IS("warmup"))
		opt.warmup = atof(value);
	else if (IS("ids"))
		opt.ids_path = value;
	else if (IS("bounds"))
		opt.bounds_path = value;
	else if (IS("command") && opt.nsettings < MAX_SETTINGS)
		opt.settings[opt.nsettings++] = value;
	else
		die(arg, "unrecognized option");
#undef IS
}

int
main(int argc, char **argv)
{
	if (argc < 6)
		die("usage", "search|insert CONNINFO SQL VECTORS dim=N [k= clients= seconds= "
			"warmup= ids= bounds= pin= evict= form= batch= first_id= command=]");
	opt.k = 10;
	opt.clients = 1;
	opt.batch = 100;
	opt.seconds = 1;
	opt.warmup = 0.5;
	opt.conninfo = argv[2];
	opt.sql = argv[3];
	for (int i = 5; i < argc; i++)
		read_option(argv[i]);
	if (opt.dim < 1 || opt.dim > 16000 || opt.k < 1 || opt.batch < 1 ||
		opt.clients < 1 || opt.clients > MAX_CLIENTS)
		die("options", "value out of range");
	read_vectors(argv[4]);
	if (opt.bounds_path != NULL)
		read_bounds(opt.bounds_path);
	if (strcmp(argv[1], "search") == 0)
		search();
	else if (strcmp(argv[1], "insert") == 0)
		insert();
	else
		die(argv[1], "neither search nor insert");
	return 0;
}
