/*
 * Drops files from the page cache, as a machine short of memory would have done.
 *
 *   uncache FILE …
 *
 * The exit status is 1, with a line on standard error, where a page of a file is still there: it is mapped, locked, or on a file
 * system that keeps its files in memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t resident(int fd, size_t length) {
	size_t pages = (length + 4095) / 4096, count = 0;
	unsigned char *seen = malloc(pages);
	void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	if (!seen || map == MAP_FAILED || mincore(map, length, seen)) return pages;
	for (size_t i = 0; i < pages; i++) count += seen[i] & 1;
	munmap(map, length);
	free(seen);
	return count;
}

int main(int argc, char **argv) {
	int status = 0;
	for (int i = 1; i < argc; i++) {
		struct stat found;
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &found) || fdatasync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) {
			perror(argv[i]);
			return 1;
		}
		size_t left = resident(fd, found.st_size);
		if (left > 0) {
			fprintf(stderr, "%s: %zu pages are still in the page cache\n", argv[i], left);
			status = 1;
		}
		close(fd);
	}
	return status;
}
