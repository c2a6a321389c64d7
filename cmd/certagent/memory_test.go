// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

func TestMemoryIsSavedUnlessGOGCSays(t *testing.T) {
	for _, c := range []struct {
		gogc string
		want int
	}{{"", gcPercent}, {"200", 100}} {
		t.Run("GOGC="+c.gogc, func(t *testing.T) {
			t.Setenv("GOGC", c.gogc)
			before := debug.SetGCPercent(100)
			defer debug.SetGCPercent(before)
			saveMemory()
			if got := debug.SetGCPercent(100); got != c.want {
				t.Errorf("the heap may grow by %d %%, want %d", got, c.want)
			}
		})
	}
}

// A program of the same user, such as a child, reads neither certagent's memory nor the
// environment that it was started with; its own are as open as ever.
func TestMemoryIsClosed(t *testing.T) {
	w := newWorld(t)
	certagent := harness.CertagentStatic(t)
	w.Write("agent.hcl", w.expand(login+password("")+child(
		`cat /proc/$PPID/environ > env || echo "environ closed"
cat /proc/$PPID/maps > maps || echo "maps closed"
head -c 1 /proc/$PPID/mem || echo "memory closed"
cat /proc/$$/environ > /dev/null && cat /proc/$$/maps > /dev/null && echo "own open"
echo "canaries: $(env | grep -c CANARY)"; exec sleep 1000`, "")))
	w.openToAll()
	for _, name := range []string{"", "agent.hcl", "roleid", "secretid"} {
		w.Check(os.Chown(w.Path(name), 65534, 65534))
	}
	p := w.asNobody(`cd ` + w.Path("") + ` && VAULT_HEADERS='{"X-Proxy":"CANARY"}' VAULT_TOKEN=hvs.CANARY CREDENTIALS_DIRECTORY=hvs.CANARY exec ` + certagent + ` agent -config=agent.hcl`)
	for _, says := range []string{"environ closed", "maps closed", "memory closed", "own open", "canaries: 0"} {
		p.Says(says)
	}
	p.Signal(syscall.SIGTERM)
	p.Ends(0)
}
