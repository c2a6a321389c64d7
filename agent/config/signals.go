// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"syscall"

	"github.com/certagent/certagent/agent/config/hclread"
)

// uncatchable are the signals that no process can be told of.
var uncatchable = []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}

// unforwarded are signals that are about certagent itself: faults, its runtime's,
// its own children, files and terminal, and what the C library keeps for itself
// (signal(7)). They are never handed on.
var unforwarded = []syscall.Signal{
	syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV,
	syscall.SIGSTKFLT, syscall.SIGSYS, syscall.SIGPROF, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGPIPE,
	syscall.SIGTTIN, syscall.SIGTTOU, 32, 33, 34,
}

// readSignals reads what takes a signal's place on its way to the child: nil if
// nothing does.
func readSignals(s *scope) map[syscall.Signal]syscall.Signal {
	b := s.ownBlock("signals")
	if b == nil {
		return nil
	}
	rewrites, lines := map[syscall.Signal]syscall.Signal{}, map[syscall.Signal]int{}
	for _, it := range b.items {
		if it.Value.Kind == hclread.Absent {
			continue
		}
		complain := func(kind Kind, message, hint string) { b.report(kind, b.title, it.Name, it.Offset, message, hint) }
		from, known := signalNamed(it.Name)
		to, err := asAnySignal(it.Value)
		switch line, twice := lines[from]; {
		case !known || from == 0:
			complain(LoadError, "is no signal", signalHint(it.Name))
		case slices.Contains(uncatchable, from):
			complain(LoadError, "cannot be caught", "remove it")
		case slices.Contains(unforwarded, from):
			complain(LoadError, "is about certagent itself, and never handed on", "remove it")
		case err != nil:
			complain(LoadError, err.Error(), hintOf(err))
		case twice:
			complain(LoadError, "the signal is there twice, first in line "+strconv.Itoa(line), "keep one of them")
		default:
			rewrites[from], lines[from] = to, b.src.Pos(it.Offset).Line
			if to == 0 && (from == syscall.SIGTERM || from == syscall.SIGINT) {
				complain(Warning, "with nothing in its place, the child is killed after kill_timeout when certagent ends",
					`write for example "SIGQUIT"`)
			}
		}
	}
	if len(rewrites) == 0 {
		return nil
	}
	return rewrites
}
