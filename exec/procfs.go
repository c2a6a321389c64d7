// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stat has the used fields of /proc/PID/stat (see proc_pid_stat(5)).
type stat struct {
	state   byte   // Z is a zombie, X is dead
	parent  int    // 0 if it is in another PID namespace
	group   int    // its process group
	session int    // the session of the group
	tty     int    // the device of its controlling terminal, 0 if it has none
	start   int64  // when it started, in clock ticks since boot
	flags   int64  // of the kernel, PF_…
	name    string // of the program, at most 15 bytes
}

// forked reports whether the process has been forked from another one and has not started
// a program of its own (PF_FORKNOEXEC): what that one had read, it has read.
func (s stat) forked() bool { return s.flags&0x40 != 0 }

// alive reports whether the process has not exited. A zombie is not alive.
func (s stat) alive() bool { return s.state != 'Z' && s.state != 'X' }

// readStat returns fs.ErrNotExist or ESRCH if the process does not exist.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

func parseStat(text []byte) (stat, error) {
	// The second field is the program's name in parentheses. The name may contain
	// parentheses and spaces; the last parenthesis ends it.
	name := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[name+1:]) // from the third field on
	first := bytes.IndexByte(text, '(')
	if first < 0 || name < first || len(fields) < 20 {
		return stat{}, errors.New("malformed stat")
	}
	var n [20]int64
	for _, i := range []int{1, 2, 3, 4, 6, 19} {
		var err error
		if n[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil {
			return stat{}, err
		}
	}
	return stat{
		state:  fields[0][0],
		parent: int(n[1]), group: int(n[2]), session: int(n[3]), tty: int(n[4]),
		start: n[19], flags: n[6],
		name: strings.ToValidUTF8(string(text[first+1:name]), "\uFFFD"),
	}, nil
}

// allProcesses returns the processes in /proc.
func allProcesses() iter.Seq2[int, stat] {
	return func(yield func(int, stat) bool) {
		proc, err := os.Open("/proc")
		if err != nil {
			return
		}
		defer proc.Close()
		names, _ := proc.Readdirnames(-1)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			if s, err := readStat(pid); err == nil && !yield(pid, s) {
				return
			}
		}
	}
}

// groupHasOthers reports whether a process other than the leader is alive in a group.
// Without a usable /proc it returns false; then the processes in the group are killed
// without a stop signal.
func groupHasOthers(leader int) bool {
	for pid, s := range allProcesses() {
		if pid != leader && s.group == leader && s.alive() {
			return true
		}
	}
	return false
}

// childPIDs returns the children of this process, including zombies. It may miss
// children that start or exit meanwhile.
func childPIDs() []int {
	// The children of each thread.
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	if len(lists) == 0 { // a kernel without CONFIG_PROC_CHILDREN
		return childPIDsOneByOne()
	}
	var pids []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the children of a thread that has exited are those of another one
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func childPIDsOneByOne() []int {
	var pids []int
	self := os.Getpid()
	for pid, s := range allProcesses() {
		if s.parent == self {
			pids = append(pids, pid)
		}
	}
	return pids
}
