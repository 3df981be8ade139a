/* A load generator: sends prepared HTTP/1.1 requests over many keep-alive connections, one at a time on each, and tells
 * rate, latency and status codes as one JSON object.
 *
 *   cc -O2 -o load load.c
 *   ./load PORT CONNECTIONS REQUESTS_FILE [ANSWERS_FILE]
 *
 * REQUESTS_FILE holds requests, each preceded by its length as a 32-bit little-endian number. Each is sent once. With
 * ANSWERS_FILE, a line "index status" is written for every answer, in the order of arrival: what was acknowledged.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX 65536
#define CONNECTIONS_MAX 4096
#define WAIT_MS_MAX 30000

struct connection {
    int fd;
    size_t index;
    const char *unsent;
    size_t unsent_bytes;
    size_t answer_bytes;
    uint64_t sent_at;
    char answer[ANSWER_BYTES_MAX + 1];
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static const char **requests;
static uint32_t *lengths;
static size_t request_count, next_request, answered;
static uint32_t *latencies_us;
static size_t statuses[1000];
static FILE *answers;

static void load_requests(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) < 0) die(path);
    const char *data = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED) die("mmap");
    size_t room = 0;
    for (size_t at = 0; at + 4 <= (size_t)s.st_size;) {
        uint32_t length;
        memcpy(&length, data + at, 4);
        if (request_count == room) {
            room = room ? room * 2 : 1024;
            requests = realloc(requests, room * sizeof *requests);
            lengths = realloc(lengths, room * sizeof *lengths);
            if (!requests || !lengths) die("realloc");
        }
        requests[request_count] = data + at + 4;
        lengths[request_count++] = length;
        at += 4 + length;
    }
    latencies_us = calloc(request_count ? request_count : 1, sizeof *latencies_us);
    if (!latencies_us) die("calloc");
}

static void flush_out(struct connection *c) {
    while (c->unsent_bytes) {
        ssize_t n = send(c->fd, c->unsent, c->unsent_bytes, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) return;
            die("send");
        }
        c->unsent += n;
        c->unsent_bytes -= (size_t)n;
    }
}

static int send_next(struct connection *c) {
    if (next_request == request_count) return 0;
    c->index = next_request++;
    c->unsent = requests[c->index];
    c->unsent_bytes = lengths[c->index];
    c->answer_bytes = 0;
    c->sent_at = now_ns();
    flush_out(c);
    return 1;
}

/* The length of the whole answer once its head is there, else 0. */
static size_t whole_length(struct connection *c) {
    c->answer[c->answer_bytes] = 0;
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(c->answer, "content-length:");
    return (size_t)(end - c->answer) + 4 + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: load PORT CONNECTIONS REQUESTS_FILE [ANSWERS_FILE]\n");
        return 2;
    }
    int port = atoi(argv[1]), count = atoi(argv[2]);
    if (count < 1 || count > CONNECTIONS_MAX) {
        fprintf(stderr, "CONNECTIONS must be 1 to %d\n", CONNECTIONS_MAX);
        return 2;
    }
    load_requests(argv[3]);
    if (argc > 4 && !(answers = fopen(argv[4], "w"))) die(argv[4]);
    int poll = epoll_create1(0);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (poll < 0 || !connections) die("epoll");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int i = 0; i < count; i++) {
        struct connection *c = &connections[i];
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &e);
    }
    uint64_t started = now_ns();
    int open_requests = 0;
    for (int i = 0; i < count; i++) open_requests += send_next(&connections[i]);
    struct epoll_event events[256];
    while (open_requests) {
        int ready = epoll_wait(poll, events, 256, WAIT_MS_MAX);
        if (ready <= 0) die("no answer");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            flush_out(c);
            ssize_t n = recv(c->fd, c->answer + c->answer_bytes, ANSWER_BYTES_MAX - c->answer_bytes, 0);
            if (n == 0) {
                fprintf(stderr, "the server closed a connection\n");
                return 1;
            }
            if (n < 0) {
                if (errno == EAGAIN) continue;
                die("recv");
            }
            c->answer_bytes += (size_t)n;
            size_t whole = whole_length(c);
            if (!whole || c->answer_bytes < whole) continue;
            int status = atoi(c->answer + 9);
            latencies_us[answered++] = (uint32_t)((now_ns() - c->sent_at) / 1000);
            statuses[status > 0 && status < 1000 ? status : 0]++;
            if (answers) fprintf(answers, "%zu %d\n", c->index, status);
            open_requests--;
            open_requests += send_next(c);
        }
    }
    double seconds = (double)(now_ns() - started) / 1e9;
    qsort(latencies_us, answered, sizeof *latencies_us, by_size);
    printf("{\"requests\":%zu,\"seconds\":%.4f,\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"statuses\":{", answered,
           seconds, (double)answered / seconds, answered ? latencies_us[answered / 2] / 1000.0 : 0,
           answered ? latencies_us[answered * 99 / 100] / 1000.0 : 0);
    int first = 1;
    for (int i = 0; i < 1000; i++)
        if (statuses[i]) {
            printf("%s\"%d\":%zu", first ? "" : ",", i, statuses[i]);
            first = 0;
        }
    printf("}}\n");
    return 0;
}
