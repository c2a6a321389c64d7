// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

func (w *world) mode(name string) os.FileMode {
	w.Helper()
	info, err := os.Stat(w.Path(name))
	w.Check(err)
	return info.Mode()
}

// Vault Agent leaves keys with mode 0644. certagent takes them over, and lets only their
// owner read them, unless perms says otherwise: then it warns at each start.
func TestKeyThatEverybodyCanReadIsTightened(t *testing.T) {
	for _, c := range []struct {
		name, perms string
		record      bool // there is a record of an earlier run
		want        os.FileMode
		warns       bool
	}{
		{"from Vault Agent", "", false, 0o600, false},
		{"changed while certagent did not run", "", true, 0o600, false},
		{"as perms says", `perms = "0644"`, false, 0o644, true},
		{"as perms says, again", `perms = "0644"`, true, 0o644, true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			text := login + certificate(once, c.perms)
			p := w.start(text)
			p.Says(logmsg.AllPublished)
			p.stop()
			w.Check(os.Chmod(w.Path("tls/tls.key"), 0o644))
			if !c.record {
				records, err := filepath.Glob(w.Path("tls/.certagent-*.json"))
				w.Check(err)
				for _, record := range records {
					w.Check(os.Remove(record))
				}
			}
			p = w.start(text)
			p.Says(logmsg.AllPublished)
			harness.Eventually(t, "the mode is right", func() bool { return w.mode("tls/tls.key") == c.want })
			if c.warns {
				p.Says(logmsg.KeyReadable + `.* destination=.*/tls\.key mode=0644 hint="write perms = \\"0600\\""`)
			}
			p.stop()
			if n := p.Count(logmsg.KeyReadable); n > 0 != c.warns {
				t.Errorf("%d warnings", n)
			}
			if got := w.mode("tls/tls.crt"); c.perms == "" && got != 0o644 {
				t.Errorf("the certificate has mode %o", got)
			}
		})
	}
}
