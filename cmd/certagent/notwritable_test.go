// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// What cannot be written says which user may not do what to which directory, and what
// to do, without the names of certagent's own files.
func TestFileThatCannotBeWrittenSaysWhy(t *testing.T) {
	for name, text := range map[string]string{
		"file by file": strings.Replace(password(""), "DIR/password", "DIR/tls/password", 1),
		"directory":    "bundle \"app\" {\n directory = \"DIR/tls\"\n change_mode = \"noop\"\n" + strings.Replace(password(""), "DIR/password", "password", 1) + "}\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Check(os.Mkdir(w.Path("tls"), 0o755))
			w.Write("agent.hcl", w.expand(login+eager+text))
			p := withoutPrivileges(w, "agent", "-config="+w.Path("agent.hcl"))
			p.Says(logmsg.AllPublished)
			w.give("tls")
			w.PutKV("app", map[string]any{"password": "two"})
			p.Says(logmsg.PublishFailed + `.*permission denied \(certagent runs as uid 0 and may not write to .*/tls \(nobody:\w+ 0755\)\)" .*hint="let the user that certagent runs as write in the directory"`)
			if n := p.Count(`failed.*\.(\.gen-|certagent-)`); n > 0 {
				t.Errorf("%d lines name certagent's own files", n)
			}
			p.Signal(syscall.SIGTERM)
			<-p.Ended()
		})
	}
}

// A destination that is mounted by itself, as into a container, cannot be replaced.
func TestMountedFileSaysSo(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + eager + password(""))
	p.Says(logmsg.AllPublished)
	path := w.Path("password")
	if err := syscall.Mount(path, path, "", syscall.MS_BIND, ""); err != nil {
		harness.Missing(t, "cannot mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	w.PutKV("app", map[string]any{"password": "two"})
	p.Says(`/password.*: is a mount point: mount the directory instead" .*hint="a single file that is mounted cannot be replaced; mount the directory that holds it instead"`)
	w.Check(syscall.Unmount(path, 0))
	w.Eventually("it is published then", func() bool { return w.Read("password") == "two" })
	p.stop()
}
