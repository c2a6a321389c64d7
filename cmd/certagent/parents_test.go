// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

const nobody = 65534

// give gives a file or link of the world to the user nobody.
func (w *world) give(name string) {
	w.Helper()
	if os.Getuid() != 0 {
		harness.Missing(w.T, "needs root to give files to another user")
	}
	w.Check(os.Lchown(w.Path(name), nobody, nobody))
}

// The owner of a parent directory replaces a directory by a link to one of root's: a file
// of the same name there stays as it is, at the start and while the agent runs.
func TestParentThatBecomesALink(t *testing.T) {
	for _, running := range []bool{false, true} {
		for name, text := range map[string]string{
			"file by file": eager + strings.Replace(password(""), "DIR/password", "DIR/home/tls/password", 1),
			"directory":    eager + "bundle \"app\" {\n directory = \"DIR/home/tls\"\n change_mode = \"noop\"\n" + strings.Replace(password(""), "DIR/password", "password", 1) + "}\n",
		} {
			t.Run(map[bool]string{false: "at the start", true: "while it runs"}[running]+", "+name, func(t *testing.T) {
				w := newWorld(t)
				w.Check(os.MkdirAll(w.Path("home/tls"), 0o755))
				w.Check(os.Mkdir(w.Path("etc"), 0o755))
				w.give("home")
				w.Write("etc/password", "precious")
				swap := func() {
					w.Check(os.Rename(w.Path("home/tls"), w.Path("home/old")))
					w.Check(os.Symlink(w.Path("etc"), w.Path("home/tls")))
					w.give("home/tls")
				}
				const refused = `is a link of user 65534 that leads to a directory of somebody else: user 0`
				if !running {
					swap()
					p := w.start(login + text)
					p.Says(refused)
					p.Ends(exitConfig)
				} else {
					p := w.start(login + text)
					p.Says(`belongs to user 65534, who can replace what is published in it`)
					p.Says(logmsg.AllPublished)
					swap()
					w.PutKV("app", map[string]any{"password": "two"})
					p.Says(`keeping the files on disk.*` + refused)
					p.stop()
				}
				if content := w.Read("etc/password"); content != "precious" {
					t.Errorf("root's file holds %q", content)
				}
				if entries, err := os.ReadDir(w.Path("etc")); err != nil || len(entries) != 1 {
					t.Errorf("root's directory holds %v, %v", entries, err)
				}
			})
		}
	}
}

// An operator's own arrangement works: a directory of the application's user, given as
// the owner of the files, is no reason for a warning; nor are links of root.
func TestDirectoriesOfTheApplicationsUser(t *testing.T) {
	w := newWorld(t)
	w.Check(os.MkdirAll(w.Path("home/tls"), 0o755))
	w.give("home")
	w.give("home/tls")
	w.Check(os.Symlink("home/tls", w.Path("link")))
	w.Check(os.Symlink("tls", w.Path("home/own")))
	w.give("home/own")
	text := login
	for i, dir := range []string{"home/tls", "link", "home/own"} {
		text += strings.Replace(password(`user = "nobody"`), "DIR/password", "DIR/"+dir+"/password"+string(rune('0'+i)), 1)
	}
	p := w.start(text)
	p.Says(logmsg.AllPublished)
	p.stop()
	for _, name := range []string{"password0", "password1", "password2"} {
		if content := w.Read("home/tls/" + name); content != "one" {
			t.Errorf("%s holds %q", name, content)
		}
	}
	if n := p.Count("belongs to user"); n > 0 {
		t.Errorf("%d warnings of directories", n)
	}
}
