// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/timewindow"
)

func TestNext(t *testing.T) {
	p := shared()
	pair := p.pairs["ec 256"]
	s := webSpec()
	held := func() Held {
		return Held{Leaf: pair.Leaf, Key: pair.Key.Public(), Identity: s.Identity(), IssuedAt: noon, Issuers: []*x509.Certificate{p.intermediate.cert}}
	}
	w, err := timewindow.Parse("02:00-05:00 UTC", time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Held, *certspec.Spec)
		now    time.Duration // from noon
		want   Reason
		due    bool
	}{
		{"valid and matching", func(*Held, *certspec.Spec) {}, 0, DueByAge, false},
		{"at two thirds", func(*Held, *certspec.Spec) {}, 48 * time.Hour, DueByAge, true},
		{"before any jitter", func(*Held, *certspec.Spec) {}, 40 * time.Hour, DueByAge, false},
		{"nothing is there", func(h *Held, _ *certspec.Spec) { *h = Held{} }, 0, Absent, true},
		{"no key", func(h *Held, _ *certspec.Spec) { h.Key = nil }, 0, KeyAbsent, true},
		{"another's key", func(h *Held, _ *certspec.Spec) { h.Key = newKey().Public() }, 0, KeyAbsent, true},
		{"expired", func(*Held, *certspec.Spec) {}, 72 * time.Hour, Ended, true},
		{"long expired", func(*Held, *certspec.Spec) {}, 7200 * time.Hour, Ended, true},
		{"one more name", func(_ *Held, s *certspec.Spec) { s.AltNames = append(s.AltNames, "api.example.test") }, 0, NamesChanged, true},
		{"another common name", func(_ *Held, s *certspec.Spec) { s.CommonName = "www.example.test" }, 0, NamesChanged, true},
		{"one less name", func(_ *Held, s *certspec.Spec) { s.AltNames = nil }, 0, AskChanged, true},
		{"one less name, state lost", func(h *Held, s *certspec.Spec) { s.AltNames, h.Identity = nil, "" }, 0, DueByAge, false},
		{"another kind of key", func(_ *Held, s *certspec.Spec) { s.Key.Type = certspec.RSA }, 0, KeyChanged, true},
		{"another size", func(h *Held, s *certspec.Spec) { s.Key.Bits, h.Identity = 384, "" }, 0, KeyChanged, true},
		{"another role", func(_ *Held, s *certspec.Spec) { s.Role = "pki/api" }, 0, AskChanged, true},
		{"another ttl", func(_ *Held, s *certspec.Spec) { s.TTL = time.Hour }, 0, AskChanged, true},
		{"the key is reused from now on", func(_ *Held, s *certspec.Spec) { s.Key.Reuse = true }, 0, DueByAge, false},
		{"another issuer", func(h *Held, _ *certspec.Spec) { h.Issuers = []*x509.Certificate{p.root.cert} }, 0, IssuerChanged, true},
		{"the issuer is one of two", func(h *Held, _ *certspec.Spec) { h.Issuers = []*x509.Certificate{p.root.cert, p.intermediate.cert} }, 0, DueByAge, false},
		{"the issuer is not known", func(h *Held, _ *certspec.Spec) { h.Issuers = nil }, 0, DueByAge, false},
		{"state lost", func(h *Held, _ *certspec.Spec) { h.Identity, h.IssuedAt = "", time.Time{} }, 0, DueByAge, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, spec := held(), webSpec()
			tt.change(&h, &spec)
			now := noon.Add(tt.now)
			got := Schedule{}.Next(spec, h, "host", now)
			if got.Reason != tt.want || got.Due(now) != tt.due {
				t.Errorf("got %+v, due %t", got, got.Due(now))
			}
			switch tt.want {
			case Ended:
				if got.Detail != "at "+pair.Leaf.NotAfter.UTC().Format(time.RFC3339) {
					t.Errorf("detail %q", got.Detail)
				}
			case IssuerChanged:
				if got.Detail != "from CN=Intermediate" {
					t.Errorf("detail %q", got.Detail)
				}
			case NamesChanged, KeyChanged:
				if got.Detail == "" {
					t.Error("no detail")
				}
			default:
				if got.Detail != "" {
					t.Errorf("detail %q", got.Detail)
				}
			}
			// What does not wait does not wait for a window either.
			in := Schedule{Window: w}.Next(spec, h, "host", now)
			if atOnce := tt.want != DueByAge; atOnce && (in.Reason != tt.want || !in.Due(now)) {
				t.Errorf("with a window: got %+v", in)
			}
		})
	}
}

func TestNextIsDrawnOnce(t *testing.T) {
	p := shared()
	pair := p.pairs["ec 256"]
	h := Held{Leaf: pair.Leaf, Key: pair.Key.Public(), IssuedAt: noon}
	first := Schedule{}.Next(webSpec(), h, "host", noon)
	if later := (Schedule{}).Next(webSpec(), h, "host", noon.Add(time.Hour)); later != first {
		t.Errorf("%v, then %v", first, later)
	}
	if other := (Schedule{}).Next(webSpec(), h, "another", noon); other.At.Equal(first.At) {
		t.Error("another host renews at the same moment")
	}
	if age := first.At.Sub(noon); age > 48*time.Hour || age < 40*time.Hour {
		t.Errorf("renewed after %v of 72 h", age)
	}
}

func TestReasonsDiffer(t *testing.T) {
	seen := map[Reason]bool{"": true}
	for _, r := range []Reason{
		Absent, KeyAbsent, Ended, NamesChanged, KeyChanged, AskChanged, IssuerChanged, DueByAge, DueInWindow, DueForSafety,
	} {
		if seen[r] {
			t.Errorf("reason %q is empty or there twice", r)
		}
		seen[r] = true
	}
}

// Renewals are compared by the wall clock: the monotonic clock does not run while the
// machine is suspended.
func TestNextIsByTheWallClock(t *testing.T) {
	now := time.Now()
	if got := (Schedule{}).Next(webSpec(), Held{}, "host", now); got.At != now.Round(0) {
		t.Errorf("got %v", got.At)
	}
}
