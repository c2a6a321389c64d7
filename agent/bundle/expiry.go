// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/sinks"
)

// endingOf returns the first of the certificates that ends.
func endingOf(leaves []*x509.Certificate) (first plan.Ending) {
	for _, leaf := range leaves {
		if first.At.IsZero() || leaf.NotAfter.Before(first.At) {
			first = plan.Ending{Serial: certinfo.Serial(leaf), At: leaf.NotAfter}
		}
	}
	return first
}

// firstValid returns when the first of the certificates ends that has not ended.
func firstValid(leaves []*x509.Certificate, now time.Time) time.Time {
	valid := slices.DeleteFunc(slices.Clone(leaves), func(c *x509.Certificate) bool { return !now.Before(c.NotAfter) })
	return endingOf(valid).At
}

// endingOnDisk returns the first of the certificates in the bundle's files that ends,
// no matter what wrote them.
func (b *Bundle) endingOnDisk(now time.Time) plan.Ending {
	leaves := b.leavesOnDisk()
	var paths []string
	for _, m := range b.templates {
		if m.variable == "" {
			paths = append(paths, m.file.Path)
		}
	}
	if len(paths) > 0 {
		files, _ := readFiles(paths)
		report, _ := inspect.Inspect(files, now) // whatever is wrong with them, they are there
		for _, leaf := range report.Leaves {
			leaves = append(leaves, leaf.Certificate)
		}
	}
	return endingOf(leaves)
}

// endsWith notes when the first certificate ends that the templates were given, if their
// output shows none: it may be in another form than PEM.
func (g *generation) endsWith(source *source) {
	if !g.Origin.Expires.IsZero() || slices.ContainsFunc(g.files, func(f sinks.File) bool { return bytes.Contains(f.Content, []byte(pemBegin)) }) {
		return
	}
	for _, answer := range source.seen {
		at := answer.ExpiresAt
		if answer.Serial != "" && !at.IsZero() && (g.Origin.Expires.IsZero() || at.Before(g.Origin.Expires)) {
			g.Origin.Expires, g.Origin.Serial, g.Until = at, answer.Serial, at
		}
	}
}

// ended reports whether the certificate that was issued last has ended.
func (h *issuedCertificate) ended(now time.Time) bool {
	return h.pair.Leaf != nil && !now.Before(h.pair.Leaf.NotAfter)
}

// isPublished reports whether readers see the certificate.
func (b *Bundle) isPublished(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(b.published.leaves, func(c *x509.Certificate) bool { return c.Equal(leaf) })
}

// phrases say what keeps a certificate from being replaced.
var phrases = map[plan.Trouble]string{
	plan.LoadTrouble:     "the keystore password cannot be read",
	plan.LoginTrouble:    "not logged in",
	plan.SecretTrouble:   "fetching from Vault fails",
	plan.LimitTrouble:    "issuing is paused: max_issues_per_hour is reached",
	plan.IssueTrouble:    "issuing fails",
	plan.AnswerTrouble:   "Vault has not answered the request yet",
	plan.RenderTrouble:   "render failed",
	plan.PublishTrouble:  "publish failed",
	plan.RollbackTrouble: "rollback failed",
	plan.CheckTrouble:    "the check refuses its successor",
	plan.ChangeTrouble:   "the change after the new files failed",
	plan.WaitTrouble:     "the change after the new files is pending",
	plan.AbsentTrouble:   "the target of the change is not there",
	plan.ServedTrouble:   "a server serves another certificate than the published one",
}

// because returns what keeps the certificate in use from being replaced; "" if nothing
// is known to.
func (b *Bundle) because() string {
	trouble := b.state.Trouble()
	if trouble == plan.ServedTrouble && b.servedAt != "" {
		return b.servedAt + " serves another certificate than the published one"
	}
	if trouble == plan.LoginTrouble {
		return phrases[trouble] + ": " + b.env.LoginError()
	}
	text := phrases[trouble]
	err := b.reasons[trouble]
	switch {
	case trouble == plan.AbsentTrouble:
		err = b.absent
	case trouble == plan.WaitTrouble && !slices.ContainsFunc(b.state.Published.Pending, func(p plan.PendingChange) bool { return p.Held > 0 }):
		err = nil // it was held earlier
	}
	if err == nil {
		return text
	}
	return fmt.Sprintf("%s: %v", text, err)
}

// troubles are what the failures of steps mean for the certificate in use.
var troubles = map[plan.Action]plan.Trouble{
	plan.Render:   plan.RenderTrouble,
	plan.Publish:  plan.PublishTrouble,
	plan.Repair:   plan.PublishTrouble,
	plan.Rollback: plan.RollbackTrouble,
	plan.Check:    plan.CheckTrouble,
	plan.React:    plan.ChangeTrouble,
	plan.Issue:    plan.IssueTrouble,
	plan.Fetch:    plan.SecretTrouble,
	plan.Verify:   plan.ServedTrouble,
}

// errAllEnded is why nothing is published.
var errAllEnded = errors.New("the certificate has expired")
