// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/hashicorp/consul-template/signals"
	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent/config/hclread"
)

// asSignal takes the name of a signal with the prefix SIG, in upper or lower
// case, as Vault Agent does. The empty string is 0, no signal.
func asSignal(v hclread.Value) (syscall.Signal, error) {
	name, err := asString(v)
	if err != nil {
		return 0, err
	}
	if name == "" {
		return 0, nil
	}
	if found, err := signals.Parse(name); err == nil {
		return found.(syscall.Signal), nil
	}
	hint := `write its name, such as "SIGHUP"`
	if _, err := signals.Parse("SIG" + name); err == nil {
		hint = "add the prefix SIG"
	}
	return 0, &valueError{"unknown signal " + v.Describe(), hint}
}

// asAnySignal takes in addition the names that Vault Agent does not know, such
// as SIGPWR and SIGRTMIN+3, and numbers, with 0 for no signal.
func asAnySignal(v hclread.Value) (syscall.Signal, error) {
	switch v.Kind {
	case hclread.Integer:
		if 0 <= v.Int && v.Int <= int64(lastSignal) {
			return syscall.Signal(v.Int), nil
		}
	case hclread.String:
		if v.Text == "" {
			return 0, nil
		}
		if sig, known := signalNamed(v.Text); known {
			return sig, nil
		}
	default:
		return 0, wrongType("a signal's name or number", v)
	}
	hint := `write its name, such as "SIGTERM", or its number`
	if !v.Computed {
		hint = signalHint(v.Text)
	}
	return 0, &valueError{"unknown signal " + v.Describe(), hint}
}

const (
	firstRealtime syscall.Signal = 34 // SIGRTMIN for programs: the C library reserves two
	lastSignal    syscall.Signal = 64 // SIGRTMAX
)

// signalNamed returns the signal of a name with the prefix SIG, in upper or
// lower case, or of a number.
func signalNamed(text string) (syscall.Signal, bool) {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return syscall.Signal(n), syscall.Signal(n) <= lastSignal
	}
	if found, err := signals.Parse(text); err == nil {
		return found.(syscall.Signal), true
	}
	name := strings.ToUpper(text)
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, true
	}
	if offset, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		return realtime(firstRealtime, offset)
	}
	offset, ok := strings.CutPrefix(name, "SIGRTMAX")
	if !ok {
		return 0, false
	}
	return realtime(lastSignal, offset)
}

// realtime returns the signal at an offset, such as "", "+3" or "-1", from
// another one.
func realtime(from syscall.Signal, offset string) (syscall.Signal, bool) {
	n := 0
	if offset != "" {
		var err error
		if n, err = strconv.Atoi(offset); err != nil || offset[0] != '+' && offset[0] != '-' {
			return 0, false
		}
	}
	sig := from + syscall.Signal(n)
	return sig, firstRealtime <= sig && sig <= lastSignal
}

// signalHint returns a hint for an unknown name.
func signalHint(name string) string {
	if _, known := signalNamed("SIG" + name); known {
		return "add the prefix SIG"
	}
	var names []string
	for sig := range firstRealtime {
		if name := unix.SignalName(sig); name != "" {
			names = append(names, name)
		}
	}
	if near := nearestName(name, names); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return `write its name, such as "SIGTERM", or its number`
}

// uncatchable are the signals that no process can handle.
var uncatchable = []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}

// unforwarded are the signals that concern certagent itself and are never
// forwarded: those of faults, of its runtime, children, files and terminal, and
// those that the C library reserves (signal(7)).
var unforwarded = []syscall.Signal{
	syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV,
	syscall.SIGSTKFLT, syscall.SIGSYS, syscall.SIGPROF, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGPIPE,
	syscall.SIGTTIN, syscall.SIGTTOU, 32, 33, 34,
}

// readSignals reads the signals block: which signal is forwarded instead of
// which. It returns nil if there is none.
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
			complain(LoadError, "is not a signal", signalHint(it.Name))
		case slices.Contains(uncatchable, from):
			complain(LoadError, "cannot be caught", "remove it")
		case slices.Contains(unforwarded, from):
			complain(LoadError, "is for certagent itself and is never forwarded", "remove it")
		case err != nil:
			complain(LoadError, err.Error(), hintOf(err))
		case twice:
			complain(LoadError, "the signal is listed twice; the first is on line "+strconv.Itoa(line), "keep one of them")
		default:
			rewrites[from], lines[from] = to, b.src.Pos(it.Offset).Line
			if to == 0 && (from == syscall.SIGTERM || from == syscall.SIGINT) {
				complain(Warning, "without a replacement signal, the child is killed after kill_timeout when certagent stops",
					`write for example "SIGQUIT"`)
			}
		}
	}
	if len(rewrites) == 0 {
		return nil
	}
	return rewrites
}
