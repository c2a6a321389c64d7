// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/sinks"
)

// FuzzPayload reads any text as what an earlier run left in a record. What is accepted
// reads the same when it is written again, and a plan that resumes with it has a next
// step.
func FuzzPayload(f *testing.F) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	p := issuedPayload{Leaf: "ab", Identity: "cd", IssuedAt: noon, Former: map[string]time.Time{"ef": noon}, Follows: true}
	whole := plan.Payload{
		Config: "a", Requests: []string{"b"}, Inputs: map[string]string{"c": "d"}, FreshUntil: noon, Expires: noon,
		Pending: []string{"e"}, Certificates: map[string]json.RawMessage{"tls.crt": p.JSON()}, Unchecked: true,
		Before: plan.Before{Pending: []string{"f"}, Unchecked: true}, Rejected: "g",
	}
	for _, text := range []string{
		string(whole.JSON()), "", "null", "{}", "[]", `{"owed":[""]}`, `{"owed":null,"before":{"owed":["a","a"]}}`,
		`{"fresh_until":"9999-12-31T23:59:59Z"}`, `{"fresh_until":"0000-01-01T00:00:00Z"}`, `{"certificates":{"a":null}}`,
		`{"certificates":{"a":{"breaker":{}}}}`, `{"certificates":{"":[]}}`, `{"unchecked":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b := &Bundle{name: "web", log: slog.New(slog.DiscardHandler)}
		left := b.parseRecord(sinks.Record{Name: "web", Payload: text})
		again, err := plan.ParsePayload(left.JSON())
		if err != nil || plainly(left) != plainly(again) {
			t.Errorf("read %+v, and again %+v, %v", left, again, err)
		}
		for name, one := range left.Certificates {
			p, err := parseIssued(one)
			if err != nil {
				t.Fatalf("%q was accepted: %v", name, err)
			}
			var held issuedCertificate
			held.restore(certificate.Pair{}, nil, p, noon)
			if _, err := parseIssued(held.payload().JSON()); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		for _, setup := range []plan.Setup{{}, {Checks: true, Verifies: true}} {
			s := plan.New(setup, 1, noon).After(plan.Resumed{Now: noon, Payload: left, OnDisk: true, Serves: true, FreshUntil: left.FreshUntil})
			s.Next(noon)
			if _, err := plan.ParsePayload(s.Remembered().JSON()); err != nil {
				t.Error(err)
			}
		}
	})
}

// plainly returns a payload in which nothing and an empty list are the same, and equal
// JSON is.
func plainly(p plan.Payload) string {
	if len(p.Before.Pending) == 0 {
		p.Before.Pending = nil
	}
	var any any
	if err := json.Unmarshal(p.JSON(), &any); err != nil {
		panic(err)
	}
	text, err := json.Marshal(any)
	if err != nil {
		panic(err)
	}
	return string(text)
}
