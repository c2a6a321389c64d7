// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/settings"
)

// What CheckEnviron accepts can be started, and what it refuses cannot.
func TestCheckEnviron(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", longestString-len("A=")-1)
	many := func(n, size int) (env []string) {
		for i := range n {
			env = append(env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", size)))
		}
		return env
	}
	limit := stringsLimit()
	for _, c := range []struct {
		name string
		env  []string
		want string // in the error; "" for none
	}{
		{"plain", []string{"A=1", "B="}, ""},
		{"NUL", []string{"A=1", "PASSWORD=a\x00b"}, `environment variable "PASSWORD": the value holds a NUL byte`},
		{"as long as may be", []string{"A=" + long}, ""},
		{"too long", []string{"A=" + long + "x"}, `environment variable "A": with 131072 bytes it is too long, the system allows 131071`},
		{"no name", []string{"=x"}, "without a name"},
		{"as many as may be", many((limit-4096)/100_016, 100_000), ""},
		{"too many", many(limit/100_000+1, 100_000), "the system allows"},
	} {
		err := CheckEnviron([]string{"true"}, c.env)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: the error shows the value", c.name)
		}
		if c.name == "no name" { // the kernel does not care
			continue
		}
		if _, run := Run(t.Context(), Command{Args: []string{"true"}, Env: c.env}); (run == nil) != (err == nil) {
			t.Errorf("%s: started: %v, but the check says %v", c.name, run, err)
		}
	}
}

// A child goes on running if the next process could not be started.
func TestRestartThatIsNotPossible(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "server")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(program+".new", []byte(text), mode), os.Rename(program+".new", program)); err != nil {
			t.Fatal(err)
		}
	}
	write("#!/bin/sh\nexec sleep 4711\n", 0o755)
	var env []string
	s := NewSupervisor(SupervisorConfig{
		ChildConfig: ChildConfig{Command: []string{program}, KillTimeout: soon, StopSignal: 15},
		Policy:      RestartPolicy{Restart: settings.Restart{When: settings.Always}},
		Environ:     func() []string { return env },
	})
	ended := make(chan error, 1)
	go func() { _, err := s.Run(context.Background()); ended <- err }()
	t.Cleanup(func() {
		_, _ = s.Kill(context.Background())
		<-ended
	})
	becomes(t, "it runs", s.Running)
	for _, c := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"the program is gone", func() { _ = os.Remove(program) }, "no such program"},
		{"it is not executable", func() { write("#!/bin/sh\n", 0o644) }, "not executable"},
		{"it is empty", func() { write("", 0o755) }, "not in an executable format"},
		{"its interpreter is missing", func() { write("#!/no/such/interpreter\n", 0o755) }, "its interpreter is missing"},
		{"no environment can hold a value", func() { write("#!/bin/sh\nexec sleep 4712\n", 0o755); env = []string{"A=\x00"} }, "NUL"},
	} {
		c.spoil()
		err := s.Restart(t.Context())
		var failed *StartError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if !s.Running() {
			t.Fatalf("%s: the child was stopped", c.name)
		}
	}
	env = nil
	if err := s.Restart(t.Context()); err != nil {
		t.Error(err)
	}
}
