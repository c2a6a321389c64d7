// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

// Moment returns the present instant as a text that can be stored. It names the boot
// and counts from there: unlike the wall clock, nobody sets that clock, and it goes on
// while the machine is suspended. It is empty if the system does not tell.
func Moment() string {
	id := bootID()
	at, err := sinceBoot()
	if id == "" || err != nil {
		return ""
	}
	return id + "/" + strconv.FormatInt(int64(at), 10)
}

// StartedSince reports whether the program that a process runs is known to have started
// after a moment. It is false if that is not known, as of a daemon: the process that it was
// forked from may have started before. A process of this boot has started after every
// moment of an earlier one.
func StartedSince(pid int, moment string) bool {
	boot, number, ok := strings.Cut(moment, "/")
	at, err := strconv.ParseInt(number, 10, 64)
	if !ok || boot == "" || err != nil {
		return false
	}
	s, err := readStat(pid)
	if err != nil || !s.alive() || s.start <= 0 {
		return false
	}
	if id := bootID(); id != boot {
		return id != ""
	}
	return !s.forked() && s.sinceBoot() >= time.Duration(at) // the kernel rounds its start down
}

var bootID = sync.OnceValue(func() string {
	id, err := safefile.Read("/proc/sys/kernel/random/boot_id", 128)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

func sinceBoot() (time.Duration, error) {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano()), err
}

// tick is the unit of a process's start: USER_HZ is 100 wherever Go runs.
const tick = time.Second / 100

// sinceBoot returns when the process started, rounded down to a tick.
func (s stat) sinceBoot() time.Duration { return time.Duration(s.start) * tick }
