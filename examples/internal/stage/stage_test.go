// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestLines(t *testing.T) {
	var got []string
	w := &lineWriter{each: func(line string) { got = append(got, line) }}
	for _, part := range []string{"on", "e\ntwo\n", "", "\nthr", "ee"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%q: %d, %v", part, n, err)
		}
	}
	if diff := cmp.Diff([]string{"one", "two", ""}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// script is a stage whose certagent is a shell script.
func script(t *testing.T, text string) *Stage {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	s, err := New("test", embed.FS{})
	if err != nil {
		t.Fatal(err)
	}
	path := s.Path("certagent")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Certagent(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMissingCertagent(t *testing.T) {
	s := script(t, "")
	if err := s.Certagent(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing program is accepted")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailureHasTheLog(t *testing.T) {
	s := script(t, "echo \"$1 $2 $VAULT_ADDR $VAULT_TOKEN\" >&2; exit 3")
	t.Setenv("VAULT_TOKEN", "of another Vault")
	p, err := s.Start("x.hcl", []string{"VAULT_ADDR=here"}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
	if got := p.Failure().Error(); !strings.Contains(got, "exit status 3") || !strings.HasSuffix(got, "\nagent -config=x.hcl here") {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// run starts a shell script on a stage.
func run(t *testing.T, p Program, text string) (*Stage, *Process) {
	t.Helper()
	s := script(t, "")
	p.Name, p.Log, p.Command = "the script", "log", []string{"/bin/sh", "-c", text}
	process, err := s.Run(p)
	if err != nil {
		t.Fatal(err)
	}
	return s, process
}

// logs waits until the process has logged a line, and returns what follows its
// first word.
func logs(t *testing.T, p *Process, word string) (rest string) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%q is logged", word), func() bool {
		for line := range strings.Lines(p.Log()) {
			var first string
			if first, rest, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " "); first == word {
				return true
			}
		}
		return false
	})
	return rest
}

func TestRunLogsBothOutputs(t *testing.T) {
	s, p := run(t, Program{}, "echo out; echo error >&2")
	<-p.Ended()
	if got := p.Log(); got != "out\nerror\n" {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestStopWithASignalOfItsOwn(t *testing.T) {
	s, p := run(t, Program{Stop: syscall.SIGQUIT}, "trap 'echo quit; exit 0' QUIT; echo ready; while :; do sleep 0.1; done")
	logs(t, p, "ready")
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	logs(t, p, "quit")
	if err := p.Stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// However a process ends, its group ends with it.
func TestNobodyIsLeftBehind(t *testing.T) {
	for name, end := range map[string]func(*Process){
		"it is killed":      (*Process).Kill,
		"it ends by itself": func(p *Process) { _ = syscall.Kill(p.PID(), syscall.SIGKILL); <-p.Ended() },
	} {
		t.Run(name, func(t *testing.T) {
			s, p := run(t, Program{}, "sleep 600 & echo other $!; wait")
			other, err := strconv.Atoi(logs(t, p, "other"))
			if err != nil {
				t.Fatal(err)
			}
			end(p)
			harness.Eventually(t, fmt.Sprintf("process %d ends", other), func() bool { return gone(other) })
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// gone says whether a process has ended; who inherited it may not have noticed.
func gone(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, _ := strings.Cut(string(text), ") ")
	return err != nil || strings.HasPrefix(state, "Z")
}

// What does not end when asked once may be in the middle of something; asked
// again it ends at once.
func TestCloseAsksTwice(t *testing.T) {
	s := script(t, "trap 'trap \"exit 0\" TERM; echo asked' TERM; echo ready; while :; do sleep 0.1; done")
	lines := make(chan string, 10)
	if _, err := s.Start("x.hcl", nil, func(line string) { lines <- line }); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; got != "ready" {
		t.Fatal(got)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := <-lines; got != "asked" {
		t.Error(got)
	}
	if took := time.Since(began); took < patience {
		t.Errorf("it was asked again after %v", took)
	}
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}
