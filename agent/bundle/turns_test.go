// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/exec"
)

// bundles of a test are told apart by their addresses.
func (m *runQueue) joinAs(b *Bundle, key string, order int, retry bool) *run {
	r := m.join(key, now(), 0)
	m.attend(r, b, &attendance{order: order, command: true, retry: retry, about: about{bundle: key}})
	return r
}

func TestTurnsFollowTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		a, b, c := new(Bundle), new(Bundle), new(Bundle)
		second := m.joinAs(b, "second", 2, false)
		time.Sleep(50 * time.Millisecond)
		first := m.joinAs(a, "first", 1, false)
		third := m.joinAs(c, "third", 3, false)
		turns := func() (free []string) {
			for _, r := range []*run{first, second, third} {
				if m.turn(r, now()) {
					free = append(free, m.attendees(r)[0].about.bundle)
				}
			}
			return free
		}
		if got := turns(); len(got) > 0 {
			t.Errorf("at once: %v", got)
		}
		if at := m.when(first); !at.After(now()) {
			t.Error("a run that has to wait was not put off")
		}
		time.Sleep(gathering)
		if got := turns(); !slices.Equal(got, []string{"first"}) {
			t.Errorf("at first: %v", got)
		}
		release := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- m.do(t.Context(), first, func(context.Context) error { <-release; return errors.New("it fails") })
		}()
		synctest.Wait()
		if m.turn(second, now()) {
			t.Error("the second runs beside the first")
		}
		close(release)
		<-done
		retry := m.joinAs(a, "first", 1, true) // the failure holds nobody up
		if !m.turn(second, now()) || !m.turn(retry, now()) {
			t.Error("the second waits for the first to succeed")
		}
		m.leave(second, b)
		if !m.turn(third, now()) {
			t.Error("the third waits for one that nobody wants any more")
		}
	})
}

func TestTurnsAreOfOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		a, b := new(Bundle), new(Bundle)
		late := m.joinAs(b, "late", 2, false)
		time.Sleep(2 * moment)
		m.joinAs(a, "first", 1, false)
		if !m.turn(late, now()) {
			t.Error("it waits for one that was published much later")
		}
		later := m.joinAs(b, "another", 4, false)
		time.Sleep(gathering)
		m.publishing(a, 3, true)
		if m.turn(later, now()) {
			t.Error("it does not wait for a bundle that is being published")
		}
		time.Sleep(longestGathering)
		m.publishing(new(Bundle), 2, true)
		if m.turn(later, now()) {
			t.Error("it does not wait for the first")
		}
		time.Sleep(longestTurn)
		if !m.turn(later, now()) {
			t.Error("it waits for ever")
		}
	})
}

// A run that found nobody to tell does not hold the next one back.
func TestRunThatToldNobodyKeepsNoInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m runQueue
		for _, err := range []error{exec.ErrNoPIDFile, &exec.HeldError{}} {
			if got := m.do(t.Context(), m.join("hup", now(), time.Hour), func(context.Context) error { return err }); got != err {
				t.Errorf("got %v", got)
			}
		}
		if at := m.when(m.join("hup", now(), time.Hour)); at.After(now()) {
			t.Errorf("the next run is in %v", at.Sub(now()))
		}
	})
}

func TestAboutVariables(t *testing.T) {
	long := about{bundle: "long", files: []string{strings.Repeat("x", longestList)}}
	one := about{bundle: "one", directory: "/tls", files: []string{"/tls/a", "/tls/b"}, generation: 3, serials: []string{"01:02"}, reason: reasonPublished}
	for _, c := range []struct {
		all  []about
		want []string
	}{
		{[]about{one}, []string{
			"CERTAGENT_BUNDLE=one", "CERTAGENT_DIRECTORY=/tls", "CERTAGENT_FILES=/tls/a\n/tls/b", "CERTAGENT_GENERATION=3", "CERTAGENT_SERIAL=01:02", "CERTAGENT_REASON=published",
		}},
		{[]about{one, {bundle: "two", generation: 1, reason: reasonRetry}}, []string{
			"CERTAGENT_BUNDLE=one\ntwo", "CERTAGENT_DIRECTORY=/tls\n", "CERTAGENT_FILES=/tls/a\n/tls/b", "CERTAGENT_GENERATION=3\n1", "CERTAGENT_SERIAL=01:02", "CERTAGENT_REASON=published\nretry",
		}},
		{[]about{one, long}, []string{
			"CERTAGENT_BUNDLE=one\nlong", "CERTAGENT_DIRECTORY=/tls\n", "CERTAGENT_GENERATION=3\n0", "CERTAGENT_SERIAL=01:02", "CERTAGENT_REASON=published\n",
		}},
	} {
		if got := aboutVariables(c.all); !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestHeldHidesLinesValuesAndWords(t *testing.T) {
	h := &held{lines: make(map[string]bool)}
	h.addValue(map[string]any{"password": "hunter2", "list": []any{"another-one", true, nil}, "pin": 1234567})
	h.addFile("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----\nuser app\nsecret = c2VjcmV0LW9mLXRoZS1hcHA0Mg==\n")
	for text, want := range map[string]string{
		"the password is hunter2.":               "the password is [redacted].",
		"aHVudGVyMg==":                           "[redacted]",
		"another-one 1234567":                    "[redacted] [redacted]",
		"x MIGHAgEAMBMGByqGSM49AgEGCCqGSM49 x":   "x [redacted] x",
		"c2VjcmV0LW9mLXRoZS1hcHA0Mg== is wrong":  "[redacted] is wrong",
		"nginx: [emerg] unknown directive \"x\"": "nginx: [emerg] unknown directive \"x\"",
		"/etc/nginx/tls/tls.crt: no such file":   "/etc/nginx/tls/tls.crt: no such file",
	} {
		if got := h.hide(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A command that prints a file in base64, as "kubectl get secret" does, shows no more
// than one that prints it as it is.
func TestHeldHidesFilesInBase64(t *testing.T) {
	file := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1JZrnz0Goe\n", 3) + "-----END PRIVATE KEY-----\n"
	path := filepath.Join(t.TempDir(), "tls.key")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(file))
	for _, width := range []int{64, 76, len(encoded)} {
		text := ""
		for chunk := range slices.Chunk([]byte(encoded), width) {
			text += string(chunk) + "\n"
		}
		h := (&Bundle{}).secretsHeld([]about{{files: []string{path}}})
		if got := h.hide("  tls.key: " + text); strings.Contains(got, encoded[8:40]) || strings.Contains(got, encoded[len(encoded)/2:][:16]) || !strings.HasPrefix(got, "  tls.key: [redacted]") {
			t.Errorf("lines of %d: got %q", width, got)
		}
	}
}
