/*
 * Starts a program, or many at once, as a container runtime does (vfork and execve), and notes what it took.
 *
 *   stopwatch NOTES FIRST COUNT FILE [ARGUMENT …]
 *
 * Standard input is read to its end first and then given to each of them, so that nobody waits for it. With a COUNT above 1
 * they run at the same time, and "%d" in CNI_CONTAINERID and CNI_NETNS is FIRST, FIRST + 1 and so on; their output is dropped.
 * Into NOTES goes one line: nanoseconds from before the first start to after the last end; microseconds of processor time in
 * user and in kernel mode; the largest peak memory, KiB; how many failed. The exit status is that of the last one that failed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char input[65536];

static void fail(const char *what) {
	perror(what);
	exit(125);
}

static size_t read_input(void) {
	size_t length = 0;
	for (ssize_t n; (n = read(0, input + length, sizeof input - length)) != 0; length += n)
		if (n < 0) fail("stdin");
	return length;
}

static long long now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int is_numbered(const char *variable) {
	return (strncmp(variable, "CNI_CONTAINERID=", 16) == 0 || strncmp(variable, "CNI_NETNS=", 10) == 0) &&
	       strstr(variable, "%d") != NULL;
}

static char *numbered(const char *variable, int number) {
	char *text, *at = strstr(variable, "%d");
	if (asprintf(&text, "%.*s%d%s", (int)(at - variable), variable, number, at + 2) < 0) fail("asprintf");
	return text;
}

/* The environment of the program with that number. */
static char **environment(int number) {
	int count = 0;
	while (environ[count]) count++;
	char **copy = calloc(count + 1, sizeof *copy);
	if (!copy) fail("calloc");
	for (int i = 0; i < count; i++) copy[i] = is_numbered(environ[i]) ? numbered(environ[i], number) : environ[i];
	return copy;
}

/* A pipe that holds the input already. */
static int filled_pipe(size_t length) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) || write(ends[1], input, length) != (ssize_t)length) fail("pipe");
	close(ends[1]);
	return ends[0];
}

static long long microseconds(struct timeval time) {
	return time.tv_sec * 1000000LL + time.tv_usec;
}

int main(int argc, char **argv) {
	if (argc < 5) return 125;
	int first = atoi(argv[2]), count = atoi(argv[3]), failed = 0, status = 0;
	size_t length = read_input();
	int *pipes = calloc(count, sizeof *pipes);
	char ***variables = calloc(count, sizeof *variables);
	if (!pipes || !variables) fail("calloc");
	for (int i = 0; i < count; i++) {
		pipes[i] = filled_pipe(length);
		variables[i] = environment(first + i);
	}
	long long start = now(), user = 0, kernel = 0, peak = 0;
	for (int i = 0; i < count; i++) {
		posix_spawn_file_actions_t actions;
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, pipes[i], 0);
		if (count > 1) posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
		if (posix_spawn(&(pid_t){0}, argv[4], &actions, NULL, argv + 4, variables[i])) fail(argv[4]);
	}
	for (int i = 0; i < count; i++) {
		int one;
		struct rusage usage;
		if (wait4(-1, &one, 0, &usage) < 0) fail("wait4");
		user += microseconds(usage.ru_utime);
		kernel += microseconds(usage.ru_stime);
		if (usage.ru_maxrss > peak) peak = usage.ru_maxrss;
		if (one == 0) continue;
		failed++;
		status = WIFEXITED(one) ? WEXITSTATUS(one) : 128 + WTERMSIG(one);
	}
	long long end = now();
	FILE *notes = fopen(argv[1], "w");
	if (!notes) fail(argv[1]);
	fprintf(notes, "%lld %lld %lld %lld %d\n", end - start, user, kernel, peak, failed);
	return fclose(notes) ? 125 : status;
}
