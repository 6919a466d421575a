/* tlsgen.c - one-thread epoll load generator for echo servers over TLS on 127.0.0.1. Nothing is verified: it measures.
 *
 * build:  gcc -O2 -Wall -o tlsgen tlsgen.c -lssl -lcrypto
 *
 * usage:  tlsgen MODE -p PORT [options]      (options and output as loadgen's, what they share)
 *   MODE pingpong  each connection sends one message, waits for all of it back, checks it, repeats
 *        bulk      each connection streams a pseudo-random pattern, at most -w bytes un-echoed; every byte is checked
 *   -c N  connections (1)    -s N  message bytes (64)    -t SEC  measured seconds (2)    -W SEC  warm-up (0.3)
 *   -w N  window in bytes (bulk, 1048576)    -k PID  server whose CPU time is reported
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAT 1048573 /* prime: pattern period */
#define RECORD 16384

typedef struct { SSL *ssl; int fd, dead; uint64_t sent, rcvd, start, t0; } conn;

static int bulk, port, nconn = 1, msize = 64, pid, measuring, ep;
static double secs = 2, warm = 0.3;
static uint64_t window = 1 << 20, bad, lost_, count, bytes, *times, ntimes, kept;
static char *pat, rx[RECORD];

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void die(const char *m) { perror(m); ERR_print_errors_fp(stderr); exit(2); }
static void lost(conn *c) { if (!c->dead) { c->dead = 1; lost_++; epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL); } ERR_clear_error(); }

static double srv_cpu(void) {
    char p[64], b[1024]; snprintf(p, sizeof p, "/proc/%d/stat", pid);
    FILE *f = fopen(p, "r"); if (!f) return 0;
    size_t n = fread(b, 1, sizeof b - 1, f); fclose(f); b[n] = 0;
    char *q = strrchr(b, ')'); unsigned long u = 0, k = 0;
    if (!q || sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &k) != 2) return 0;
    return (double)(u + k) / sysconf(_SC_CLK_TCK);
}
static double gen_cpu(void) { struct rusage r; getrusage(RUSAGE_SELF, &r); return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6; }

static void dial(conn *c, SSL_CTX *ctx) {
    int one = 1;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&a, sizeof a)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->ssl = SSL_new(ctx); SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) != 1) die("SSL_connect");
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    struct epoll_event e = { .events = EPOLLIN | (bulk ? EPOLLOUT | EPOLLET : 0), .data.ptr = c };
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
}
/* what is left when nothing comes or goes: 1 to wait, 0 for a connection that is over */
static int waits(conn *c, int n) {
    int why = SSL_get_error(c->ssl, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 1;
    lost(c); return 0;
}
static void ping(conn *c) {
    c->start = (c->start + 7919) % PAT; c->rcvd = 0; c->t0 = now();
    int n = SSL_write(c->ssl, pat + c->start, msize);
    if (n != msize) { fprintf(stderr, "short write: message too large for pingpong\n"); exit(2); }
}
static void pong(conn *c) {
    for (;;) {
        int n = SSL_read(c->ssl, rx, sizeof rx);
        if (n <= 0) { waits(c, n); return; }
        if (c->rcvd + n > (uint64_t)msize || memcmp(rx, pat + c->start + c->rcvd, n)) bad++;
        if ((c->rcvd += n) < (uint64_t)msize) continue;
        if (measuring) { count++; bytes += msize; if (ntimes < kept) times[ntimes++] = now() - c->t0; }
        ping(c);
        return; /* nothing more can be there: the next message has only just left */
    }
}
static void stream(conn *c) {
    int n, moved = 1;
    while (moved && !c->dead) { /* edge-triggered: until neither way moves */
        moved = 0;
        while ((n = SSL_read(c->ssl, rx, sizeof rx)) > 0) {
            for (int o = 0; o < n;) {
                int at = c->rcvd % PAT, k = n - o; if (k > PAT - at) k = PAT - at;
                if (memcmp(rx + o, pat + at, k)) bad++;
                o += k; c->rcvd += k; if (measuring) bytes += k;
            }
            moved = 1;
        }
        if (!waits(c, n)) return;
        while (c->sent - c->rcvd + RECORD <= window && (n = SSL_write(c->ssl, pat + c->sent % PAT, RECORD)) > 0) {
            c->sent += n; if (measuring) count++;
            moved = 1;
        }
        if (n <= 0 && !waits(c, n)) return;
    }
}
static void spin(double s) {
    struct epoll_event es[256]; uint64_t until = now() + s * 1e9, t;
    while ((t = now()) < until) {
        int n = epoll_wait(ep, es, 256, (until - t) / 1000000 + 1);
        for (int i = 0; i < n; i++) { conn *c = es[i].data.ptr; if (!c->dead) { if (bulk) stream(c); else pong(c); } }
    }
}
static int later(const void *a, const void *b) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return (x > y) - (x < y); }
static double quantile(double q) { return ntimes ? times[(uint64_t)(q * (ntimes - 1))] / 1e3 : 0; }

int main(int argc, char **argv) {
    if (argc < 2) { fprintf(stderr, "see the head of tlsgen.c\n"); return 2; }
    bulk = !strcmp(argv[1], "bulk"); optind = 2;
    for (int o; (o = getopt(argc, argv, "p:c:s:t:W:w:k:")) != -1;) switch (o) {
        case 'p': port = atoi(optarg); break;   case 'c': nconn = atoi(optarg); break;
        case 's': msize = atoi(optarg); break;  case 't': secs = atof(optarg); break;
        case 'W': warm = atof(optarg); break;   case 'w': window = atol(optarg); break;
        case 'k': pid = atoi(optarg); break;    default: return 2;
    }
    pat = malloc(2 * PAT + msize); uint64_t x = 88172645463325252ull;
    for (int i = 0; i < PAT; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; pat[i] = x; }
    for (int i = PAT; i < 2 * PAT + msize; i++) pat[i] = pat[i - PAT];
    kept = 1 << 22; times = malloc(kept * sizeof *times);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ep = epoll_create1(EPOLL_CLOEXEC);
    conn *cs = calloc(nconn, sizeof *cs);
    for (int i = 0; i < nconn; i++) dial(&cs[i], ctx);
    if (!bulk) for (int i = 0; i < nconn; i++) ping(&cs[i]);
    spin(warm);
    double s0 = srv_cpu(), g0 = gen_cpu(); uint64_t t0 = now(); measuring = 1;
    spin(secs);
    measuring = 0; double dt = (now() - t0) / 1e9, s = srv_cpu() - s0, g = gen_cpu() - g0;
    qsort(times, ntimes, sizeof *times, later);
    printf("rate_s=%.0f bytes_s=%.0f p50_us=%.1f p99_us=%.1f srv_cores=%.2f gen_cores=%.2f srv_us_msg=%.3f bad=%lu closed=%lu version=%s cipher=%s\n",
        count / dt, bytes / dt, quantile(.5), quantile(.99), s / dt, g / dt, count ? s * 1e6 / count : 0, bad, lost_,
        SSL_get_version(cs[0].ssl), SSL_get_cipher(cs[0].ssl));
    return bad || lost_ || !count ? 1 : 0;
}
