// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/certagent/certagent/dev"
)

const kills = 30

// TestKilledAtAnyMoment kills certagent at random moments, most of them in the
// few milliseconds in which it publishes and reloads. Vault is sealed while it
// is started again, so that nothing but what the killed one left behind can
// bring the files in order and have nginx reload.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	var vault *dev.Server
	w := newWorld(t, func(d *demo) {
		d.startVault = devVault(&vault)
		d.clients = 0
		d.edits = append([]string{
			// Replaced after half a second to a second.
			"lease_renewal_threshold = 0.5", "lease_renewal_threshold = 0.06",
			// Without this, nothing is owed for longer than a millisecond.
			`change_signal = "SIGHUP"`, "change_signal = \"SIGHUP\"\n  splay = \"30ms\"",
		}, quick...)
	})
	w.start()
	w.settle("at first")
	seed := rand.Uint64()
	t.Logf("the seed of the random moments is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	owing, torn := 0, 0
	for number := range kills {
		moment := moments[number%len(moments)]
		name := fmt.Sprintf("after kill %d, %s", number, moment.name)
		moment.wait(w, random)
		w.agent.Kill()
		if _, err := w.pair(); err != nil {
			torn++ // for the next start to mend
		}
		owed, before := w.owed(), w.reloads()
		vault.Seal()
		w.restart()
		w.settle(name)
		if owed {
			owing++
			w.eventually(name+", the reload that is owed", func() bool { return w.reloads() > before })
		}
		w.eventually(name+", what was staged is swept", func() bool {
			temps, err := filepath.Glob(w.Path("tls/.certagent-*.tmp"))
			return err == nil && len(temps) == 0
		})
		vault.Unseal()
		w.anotherGeneration()
	}
	t.Logf("of %d kills, %d left a reload owing and %d a pair to be mended", kills, owing, torn)
	if owing == 0 {
		t.Error("no kill came between a publication and its reload")
	}
}

// moments are when certagent is killed.
var moments = []struct {
	name string
	wait func(w *world, random *rand.Rand)
}{
	{"at any time", func(_ *world, random *rand.Rand) { time.Sleep(upTo(random, time.Second)) }},
	{"while the files are staged", func(w *world, random *rand.Rand) {
		w.changesIn("tls", ".tmp")
		time.Sleep(upTo(random, 5*time.Millisecond))
	}},
	{"after the first rename", func(w *world, random *rand.Rand) {
		w.changesIn("tls", "tls.key")
		time.Sleep(upTo(random, time.Millisecond))
	}},
	{"after the last rename", func(w *world, random *rand.Rand) {
		w.changesIn("tls", "tls.crt") // ca.crt stays as it is
		time.Sleep(upTo(random, 10*time.Millisecond))
	}},
	{"while nginx reloads", func(w *world, random *rand.Rand) {
		w.changesIn(".", "nginx.log")
		time.Sleep(upTo(random, time.Millisecond))
	}},
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// changesIn waits until a file of a directory appears, or is written to, whose
// name has the ending.
func (w *world) changesIn(dir, ending string) {
	w.Helper()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		w.Fatal(err)
	}
	defer watcher.Close()
	if err := watcher.Add(w.Path(dir)); err != nil {
		w.Fatal(err)
	}
	deadline := time.After(time.Minute)
	for {
		select {
		case event := <-watcher.Events:
			if event.Has(fsnotify.Create|fsnotify.Write) && strings.HasSuffix(event.Name, ending) {
				return
			}
		case err := <-watcher.Errors:
			w.Fatal(err)
		case <-deadline:
			w.Fatalf("nothing happened to %s", ending)
		}
	}
}

// restart starts certagent again.
func (w *world) restart() {
	w.Helper()
	if err := w.startAgent(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// settle waits until certificate and key fit, nothing is owed, and what is on
// disk is served: once will do, for no worker of nginx has it before the reload.
func (w *world) settle(when string) {
	w.Helper()
	w.eventually(when+", the pair on disk fits and is served", func() bool {
		leaf, err := w.pair()
		return err == nil && !w.owed() && w.serves(leaf)
	})
}

// anotherGeneration waits until the agent has been able to ask Vault again.
func (w *world) anotherGeneration() {
	w.Helper()
	before, err := w.onDisk()
	if err != nil {
		w.Fatal(err)
	}
	w.eventually("another certificate", func() bool {
		now, err := w.onDisk()
		return err == nil && !now.Equal(before)
	})
}

// owed says whether the record beside nginx's files has a change owing.
func (w *world) owed() bool {
	w.Helper()
	records, err := filepath.Glob(w.Path("tls/.certagent-*.json"))
	if err != nil || len(records) > 1 {
		w.Fatalf("%d records, %v", len(records), err)
	}
	for _, path := range records {
		text, err := os.ReadFile(path)
		if err != nil {
			w.Fatal(err)
		}
		var file struct {
			Record struct{ Payload struct{ Owed []string } }
		}
		if err := json.Unmarshal(text, &file); err != nil {
			w.Fatalf("%s: %v", path, err)
		}
		return len(file.Record.Payload.Owed) > 0
	}
	return false
}
