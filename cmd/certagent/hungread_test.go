// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// hang mounts a file system that answers nothing, like a network file system whose server
// is gone.
func (w *world) hang(name string) {
	w.Helper()
	w.Check(os.MkdirAll(w.Path(name), 0o755))
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		harness.Missing(w.T, "no FUSE: %v", err)
	}
	if err := unix.Mount("none", w.Path(name), "fuse", 0, "rootmode=40000,user_id=0,group_id=0,fd="+strconv.Itoa(server)); err != nil {
		unix.Close(server)
		harness.Missing(w.T, "cannot mount: %v", err)
	}
	w.Cleanup(func() {
		unix.Close(server) // ends every system call there
		_ = unix.Unmount(w.Path(name), unix.MNT_DETACH)
	})
}

// hangs reports whether a thread of the process waits for FUSE.
func (p *process) hangs() bool {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", p.PID()))
	for _, name := range names {
		where, _ := os.ReadFile(name)
		if strings.Contains(string(where), "fuse") || strings.Contains(string(where), "request_wait_answer") {
			return true
		}
	}
	return false
}

// SIGTERM ends the agent within its budget while a file is being read from a file system
// that does not answer, at the start and while a child runs, which gets its stop signal.
func TestSIGTERMWhileAFileIsBeingRead(t *testing.T) {
	const budget = 8 * time.Second // five for what is at work, and the child's
	for name, text := range map[string]string{
		"template's file function": "template {\n contents = \"{{ file \\\"DIR/hung/f\\\" }}\"\n destination = \"DIR/out\"\n}\n",
		"template's source":        "template {\n source = \"DIR/hung/f\"\n destination = \"DIR/out\"\n}\n",
		"template's destination":   strings.Replace(password(""), "DIR/password", "DIR/hung/f", 1),
		"certificate and key":      strings.ReplaceAll(webBlock("pki/web", `change_mode = "noop"`), "DIR/web", "DIR/hung"),
		"keystore's password":      strings.Replace(keystoreBlock, "DIR/storepass", "DIR/hung/f", 1),
		"pid file":                 password(strings.Replace(changeByPIDFile, "DIR/server.pid", "DIR/hung/f", 1)),
		"role id":                  "",
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.hang("hung")
			text := login + text
			if name == "role id" {
				text = strings.Replace(login+password(""), "DIR/roleid", "DIR/hung/f", 1)
			}
			w.Write("agent.hcl", w.expand(text))
			// What hangs for ever is a goroutine that is left.
			p := launch(t, w.Path(""), []string{"CERTAGENT_TEST_LOG_QUEUE=1000000"}, "agent", "-config="+w.Path("agent.hcl"))
			harness.Eventually(t, "it reads", p.hangs)
			began := time.Now()
			p.Signal(syscall.SIGTERM)
			p.Ends(0)
			if took := time.Since(began); took > budget {
				t.Errorf("it ended after %v", took)
			}
		})
	}
	t.Run("with_a_child", func(t *testing.T) {
		w := newWorld(t)
		w.Write("in/f", "one")
		w.Write("agent.hcl", w.expand(login+eager+"template {\n contents = \"{{ file \\\"DIR/in/f\\\" }}\"\n destination = \"DIR/out\"\n}\n"+
			child(`trap "echo stopped >> DIR/stopped; exit 0" TERM; echo >> DIR/started; while :; do sleep 0.02; done`, "")))
		p := launch(t, w.Path(""), []string{"CERTAGENT_TEST_LOG_QUEUE=1000000"}, "agent", "-config="+w.Path("agent.hcl"))
		p.Says(logmsg.ChildStarted)
		harness.Eventually(t, "the child runs", func() bool { return w.exists("started") })
		w.hang("in")
		harness.Eventually(t, "it reads", p.hangs)
		began := time.Now()
		p.Signal(syscall.SIGTERM)
		p.Ends(0)
		if took := time.Since(began); took > budget {
			t.Errorf("it ended after %v", took)
		}
		if !w.exists("stopped") {
			t.Error("the child did not get its stop signal")
		}
	})
}

// A health check of files that cannot be read ends too.
func TestWaitOnAFileSystemWithoutAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"template":    strings.Replace(password(""), "DIR/password", "DIR/hung/f", 1),
		"certificate": strings.ReplaceAll(webBlock("pki/web", `change_mode = "noop"`), "DIR/web", "DIR/hung"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hang("hung")
			w.Write("agent.hcl", w.expand(login+text))
			began := time.Now()
			p := launch(t, w.Path(""), []string{"CERTAGENT_TEST_LOG_QUEUE=1000000"}, "wait", "-timeout=0", "-config="+w.Path("agent.hcl"))
			p.Ends(agent.ExitMissing)
			p.Says("/hung/.*the file system does not answer")
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("it ended after %v", took)
			}
		})
	}
}
