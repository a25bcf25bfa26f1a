/* The least that a sample a second can cost here: wakes by a timer descriptor and reads the two files
   that are sampled, in as many calls as the agent makes, and does nothing with them. Until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main(void)
{
    static char text[8192];
    uint64_t expirations;
    struct epoll_event event = {.events = EPOLLIN};
    struct itimerspec second = {{1, 0}, {1, 0}};
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    int meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    /* Some kernels have no pressure: the agent doesn't read it there either. */
    int pressure = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
    int events = epoll_create1(EPOLL_CLOEXEC);
    if (timer < 0 || meminfo < 0 || events < 0 || timerfd_settime(timer, 0, &second, NULL) != 0
        || epoll_ctl(events, EPOLL_CTL_ADD, timer, &event) != 0)
        return 1;
    for (;;) {
        if (epoll_wait(events, &event, 1, -1) != 1 || read(timer, &expirations, sizeof expirations) < 0
            || pread(meminfo, text, sizeof text, 0) <= 0)
            return 1;
        if (pressure >= 0 && pread(pressure, text, sizeof text, 0) <= 0)
            return 1;
    }
}
