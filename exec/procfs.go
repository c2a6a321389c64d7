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

// stat is what certagent needs of /proc/PID/stat (see proc_pid_stat(5)).
type stat struct {
	state   byte  // Z is a zombie, X is dead
	parent  int   // 0 if that is in another PID namespace
	group   int   // its process group
	session int   // the session of that
	tty     int   // the device of its controlling terminal, 0 if it has none
	start   int64 // when it started, in clock ticks since boot
}

// alive is false for a process that has ended but has not been reaped.
func (s stat) alive() bool { return s.state != 'Z' && s.state != 'X' }

// readStat fails with fs.ErrNotExist or ESRCH if there is no such process.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

func parseStat(text []byte) (stat, error) {
	// The second field is the program's name in parentheses. It may hold
	// anything, parentheses and spaces too: the last one ends it.
	name := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[name+1:]) // from the third field on
	if name < 0 || len(fields) < 20 {
		return stat{}, errors.New("malformed stat")
	}
	var n [20]int64
	for _, i := range []int{1, 2, 3, 4, 19} {
		var err error
		if n[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil {
			return stat{}, err
		}
	}
	return stat{
		state:  fields[0][0],
		parent: int(n[1]), group: int(n[2]), session: int(n[3]), tty: int(n[4]),
		start: n[19],
	}, nil
}

// processes are those that /proc shows.
func processes() iter.Seq2[int, stat] {
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

// groupHasOthers reports whether a process other than its leader is alive in a
// group. Where /proc shows nothing it reports false: those in the group are
// then killed without having been asked to end.
func groupHasOthers(leader int) bool {
	for pid, s := range processes() {
		if pid != leader && s.group == leader && s.alive() {
			return true
		}
	}
	return false
}

// childPIDs returns the children of this process, ended ones too. It may miss
// some that come or go meanwhile.
func childPIDs() []int {
	// A thread's own children; those of all threads are the process's.
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	if len(lists) == 0 { // a kernel without CONFIG_PROC_CHILDREN
		return childPIDsOneByOne()
	}
	var pids []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that has ended leaves its children to another one
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
	for pid, s := range processes() {
		if s.parent == self {
			pids = append(pids, pid)
		}
	}
	return pids
}
