// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"slices"
	"time"
)

// rotations is how often each test has the certificate rotate.
const rotations = 5

// judge stops the clients and fails the test if one of them noticed anything but
// certificates that certagent has issued. It prints what was measured.
func (t *traffic) judge(a *agent) {
	t.Helper()
	t.stop()
	if t.failed > 0 {
		t.Errorf("%d of %d requests failed, %d of them for a certificate that had expired; the first %v", t.failed, t.requests, t.expired, t.first)
	}
	var known []string
	for _, e := range a.events() {
		if e.Msg == issued {
			known = append(known, e.Serial)
		}
	}
	for _, serial := range t.order {
		if !slices.Contains(known, serial) {
			t.Errorf("%s was served and never issued", serial)
		}
	}
	if len(t.order) < rotations {
		t.Errorf("the clients have seen %d certificates only", len(t.order))
	}
	if t.requests < clientsAtOnce*rotations { // nobody was busy
		t.Errorf("%d requests only", t.requests)
	}
	var took []time.Duration
	for _, r := range a.rotations()[1:] { // the first may have come before the program ran
		took = append(took, r.took)
	}
	slices.Sort(took)
	t.Logf("%s: %d rotations, %d requests, %d failed, %d expired, overlap %v; published to verified: median %v, longest %v",
		t.title, len(took), t.requests, t.failed, t.expired, t.overlap().Round(time.Millisecond),
		took[len(took)/2].Round(10*time.Millisecond), took[len(took)-1].Round(10*time.Millisecond))
}
