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

// TestKilledAtAnyMoment kills certagent at random moments, most of them in the
// few milliseconds in which it publishes and reloads. Vault is sealed while it
// is started again, so that nothing but what the killed one left behind can
// bring the files in order and have nginx reload.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Run("templates", func(t *testing.T) {
		t.Parallel()
		killAtAnyMoment(t, templatesForm, templatesMoments, 30)
	})
	t.Run("bundle", func(t *testing.T) {
		t.Parallel()
		killAtAnyMoment(t, bundleForm, bundleMoments, 15)
	})
}

func killAtAnyMoment(t *testing.T, f form, moments []moment, kills int) {
	var vault *dev.Server
	w := newWorld(t, func(d *demo) {
		d.form = f
		d.startVault = devVault(&vault)
		d.clients = 0
		d.edits = append([]string{
			// Replaced after half a second to a second, and after one to two.
			"lease_renewal_threshold = 0.5", "lease_renewal_threshold = 0.06",
			`"55s"`, `"58s"`,
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
		if f == bundleForm {
			w.oneSet()
		} else if _, err := w.pair(); err != nil {
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
		w.eventually(name+", what was staged is swept", w.swept)
		vault.Unseal()
		w.anotherGeneration()
	}
	t.Logf("of %d kills, %d left a reload owing and %d a pair to be mended", kills, owing, torn)
	if owing == 0 {
		t.Error("no kill came between a publication and its reload")
	}
}

// moment is when certagent is killed: some time after a file of a directory, whose
// name matches the pattern, has appeared or was written to.
type moment struct {
	name         string
	dir, pattern string // "" for at once
	within       time.Duration
}

var templatesMoments = []moment{
	{"at any time", "", "", time.Second},
	{"while the files are staged", "tls", "*.tmp", 5 * time.Millisecond},
	{"after the first rename", "tls", "tls.key", time.Millisecond},
	{"after the last rename", "tls", "tls.crt", 10 * time.Millisecond}, // ca.crt stays as it is
	{"while nginx reloads", ".", "nginx.log", time.Millisecond},
}

var bundleMoments = []moment{
	{"at any time", "", "", time.Second},
	{"while the generation is staged", "tls", "..gen-*", 5 * time.Millisecond},
	{"after the rename", "tls", "..data", time.Millisecond},
	{"while nginx checks, or before it reloads", "tls", "..data", 50 * time.Millisecond},
	{"while nginx reloads, or certagent verifies", ".", "nginx.log", 500 * time.Millisecond},
}

func (m moment) wait(w *world, random *rand.Rand) {
	w.Helper()
	if m.dir != "" {
		w.changesIn(m.dir, m.pattern)
	}
	time.Sleep(time.Duration(random.Int64N(int64(m.within))))
}

// changesIn waits until a file of a directory appears, or is written to, whose
// name matches the pattern.
func (w *world) changesIn(dir, pattern string) {
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
			match, err := filepath.Match(pattern, filepath.Base(event.Name))
			if err != nil {
				w.Fatal(err)
			}
			if match && event.Has(fsnotify.Create|fsnotify.Write) {
				return
			}
		case err := <-watcher.Errors:
			w.Fatal(err)
		case <-deadline:
			w.Fatalf("nothing happened to %s", pattern)
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

// swept says whether nothing is left of what was staged and never published.
func (w *world) swept() bool {
	w.Helper()
	temps, err := filepath.Glob(w.Path("tls/.certagent-*.tmp"))
	if err != nil || len(temps) > 0 {
		return false
	}
	generations, err := filepath.Glob(w.Path("tls/..gen-*[0-9]"))
	return err == nil && len(generations) <= 3
}

// owed says whether the record of nginx's files has a change owing, or a check.
func (w *world) owed() bool {
	w.Helper()
	path := w.record()
	if path == "" {
		return false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return true // it was renamed meanwhile
	}
	var file struct {
		Record struct {
			Payload struct {
				Owed      []string
				Unchecked bool
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		w.Fatalf("%s: %v", path, err)
	}
	return file.Record.Payload.Unchecked || len(file.Record.Payload.Owed) > 0
}

// record returns the path of the record of nginx's files; "" if there is none.
func (w *world) record() string {
	w.Helper()
	if w.form == bundleForm {
		generation, err := os.Readlink(w.Path("tls/..data"))
		if err != nil {
			w.Fatal(err)
		}
		return w.Path("tls/" + generation + ".json")
	}
	records, err := filepath.Glob(w.Path("tls/.certagent-*.json"))
	if err != nil || len(records) > 1 {
		w.Fatalf("%d records, %v", len(records), err)
	}
	return strings.Join(records, "")
}
