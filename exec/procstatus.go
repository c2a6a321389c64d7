// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/certagent/certagent/safefile"
)

// procStatus has the fields of /proc/PID/status by their names (see proc_pid_status(5)).
type procStatus map[string]string

func readStatus(pid int) (procStatus, error) {
	return readStatusFile("/proc/" + strconv.Itoa(pid) + "/status")
}

func readStatusFile(path string) (procStatus, error) {
	text, _, err := safefile.Head(path, 64<<10)
	if err != nil {
		return nil, err
	}
	return parseStatus(string(text)), nil
}

func parseStatus(text string) procStatus {
	fields := make(procStatus)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// belongsTo reports whether a user may signal the process: whether its real or its saved
// user is that one (see kill(2)).
func (s procStatus) belongsTo(uid int) bool {
	ids := strings.Fields(s["Uid"]) // real, effective, saved, of the file system
	want := strconv.Itoa(uid)
	return len(ids) > 2 && (ids[0] == want || ids[2] == want)
}

type signalSet uint64

func (s signalSet) has(sig syscall.Signal) bool {
	return sig > 0 && sig <= lastSignal && s&(1<<(sig-1)) != 0
}

// signals returns a field that is a set of signals; false if there is none.
func (s procStatus) signals(name string) (signalSet, bool) {
	set, err := strconv.ParseUint(s[name], 16, 64)
	return signalSet(set), err == nil
}
