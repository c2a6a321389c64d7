// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"errors"
	"os"
	"strconv"
)

// stat is what certagent needs of /proc/PID/stat (see proc_pid_stat(5)).
type stat struct {
	state byte  // Z is a zombie, X is dead
	group int   // its process group
	start int64 // when it started, in clock ticks since boot
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
	group, err := strconv.Atoi(string(fields[2]))
	if err != nil {
		return stat{}, err
	}
	start, err := strconv.ParseInt(string(fields[19]), 10, 64)
	return stat{state: fields[0][0], group: group, start: start}, err
}

// groupHasOthers reports whether a process other than its leader is alive in a
// group. Where /proc shows nothing it reports false: those in the group are
// then killed without having been asked to end.
func groupHasOthers(leader int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == leader {
			continue
		}
		if s, err := readStat(pid); err == nil && s.group == leader && s.alive() {
			return true
		}
	}
	return false
}
