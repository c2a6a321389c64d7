// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSomebodyBreaksNginx has somebody write into nginx.conf what nginx does not
// understand. A reload would do nothing, and nobody would hear of it until the old
// certificate has expired.
func TestSomebodyBreaksNginx(t *testing.T) {
	t.Run("dev", func(t *testing.T) {
		t.Parallel()
		somebodyBreaksNginx(newWorld(t, useBundle))
	})
	t.Run("vault", func(t *testing.T) {
		t.Parallel()
		start := realVault(t)
		somebodyBreaksNginx(newWorld(t, useBundle, func(d *demo) { d.startVault = start }))
	})
}

// sane are the stories in which what nginx refuses is taken back before anything
// is made of it, and what it does not refuse is reacted to once. What was refused
// has aged when it is published again: the next one may come before it is verified.
// The 3rd, 5th… veto in a row is left out of the log; that there was one is known from
// the rollback.
var sane = regexp.MustCompile(`^pv?(c|s|nv?[cs]?)v?(pcv?|px?bv?)*p?$`)

func somebodyBreaksNginx(w *world) {
	w.start()
	w.rotate(1)
	before, repair := w.breakConfig()
	reloads, workers, told := w.reloads(), w.workers(), len(w.heard())
	w.eventually("the check refuses two generations", func() bool {
		w.stillServes(before)
		w.oneSet()
		return strings.Count(w.heard()[told:], vetoed+rolledBack) >= 2
	})
	w.eventually("what nginx serves is on disk again", func() bool { return w.oneSet().Equal(before) })
	w.stillServes(before)
	w.keptAside(before)
	if !strings.Contains(w.agent.Log(), "unknown directive") {
		w.Error("certagent's log does not say what nginx found")
	}
	if while := w.heard()[told:]; strings.Contains(while, changed) || w.reloads() != reloads || w.workers() != workers {
		w.Errorf("certagent did %s; there were %d reloads, then %d; %d workers, then %d", while, reloads, w.reloads(), workers, w.workers())
	}

	repair()
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
	defer cancel()
	healed, err := w.nextRotation(ctx, rotation{disk: before})
	if err != nil {
		w.Fatalf("after the repair: %v", err)
	}
	w.show(healed)
	if !healed.served.Equal(healed.disk) || !healed.verified {
		w.Errorf("after the repair %s is on disk and %s is served; verified: %v", serial(healed.disk), serial(healed.served), healed.verified)
	}
	if err := w.agent.Stop(); err != nil {
		w.Fatal(err)
	}
	if story := w.heard(); !sane.MatchString(story) {
		w.Errorf("what certagent did was %s", story)
	}
	w.oneReloadForEachChange()
	w.nobodyNoticed()
}

// breakConfig appends to nginx.conf what nginx does not understand, at a moment
// at which nothing is under way: between a check and its reload it would be
// nginx that refuses, which certagent finds out when it verifies. It returns the
// certificate that is in use then.
func (w *world) breakConfig() (inUse *x509.Certificate, repair func()) {
	w.Helper()
	var quiet string
	path := w.Path("nginx.conf")
	good := int64(len(w.read("nginx.conf")))
	repair = func() {
		if err := os.Truncate(path, good); err != nil {
			w.Fatal(err)
		}
	}
	for {
		w.eventually("everything is verified", func() bool { return strings.HasSuffix(w.heard(), verified) })
		quiet, inUse = w.heard(), w.oneSet()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := f.WriteString("somebody was here;\n"); err != nil {
			w.Fatal(err)
		}
		if err := f.Close(); err != nil {
			w.Fatal(err)
		}
		if w.heard() == quiet && serial(inUse) == w.story.verified {
			return inUse, repair
		}
		repair()
	}
}

// stillServes fails the test unless a new connection is shown the certificate.
func (w *world) stillServes(leaf *x509.Certificate) {
	w.Helper()
	if !w.serves(leaf) {
		w.Fatalf("%s is not served any more", serial(leaf))
	}
}

// oneSet returns the certificate of the generation that readers see, and fails
// the test unless CA, certificate and key are of one set.
func (w *world) oneSet() *x509.Certificate {
	w.Helper()
	leaf, err := w.setIn("..data")
	if err != nil {
		w.Fatal(err)
	}
	return leaf
}

// setIn returns the certificate of the generation in a directory if CA,
// certificate and key are of one set.
func (w *world) setIn(name string) (*x509.Certificate, error) {
	dir, err := os.OpenRoot(w.Path(filepath.Join("tls", name))) // this one, whatever becomes of the name
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var text [3][]byte
	for i, file := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if text[i], err = dir.ReadFile(file); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return nil, err
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool(text[2])})
	return pair.Leaf, err
}

// keptAside fails the test unless what the check has refused is there to be
// looked at: until it refuses the next one, and that is kept aside.
func (w *world) keptAside(inUse *x509.Certificate) {
	w.Helper()
	w.eventually("what was refused is kept aside", func() bool {
		dirs, err := filepath.Glob(w.Path("tls/..rejected-*"))
		if err != nil || len(dirs) == 0 {
			return false
		}
		leaf, err := w.setIn(filepath.Base(dirs[0]))
		return err == nil && !leaf.Equal(inUse)
	})
}
