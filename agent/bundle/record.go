// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// recordPayload is what a bundle leaves beside its files for the next start: what is
// owed, and until when the files need no new answer from Vault. It holds no
// secret and no command: what is owed is named by a digest, so that whoever can
// write to the directory cannot have anything run.
type recordPayload struct {
	// Config identifies the members that rendered the files.
	Config string `json:"config"`
	// Requests identify what was asked of Vault, sorted.
	Requests []string `json:"requests"`
	// Inputs are digests of the local files that the templates read.
	Inputs map[string]string `json:"inputs,omitempty"`
	// FreshUntil is when the first of the bundle's certificates is to be
	// renewed. Zero: ask anew after a restart.
	FreshUntil time.Time `json:"fresh_until,omitzero"`
	// Expires is when the first of the bundle's certificates ends.
	Expires time.Time `json:"expires,omitzero"`
	// Owed are the digests of the changes that have yet to succeed.
	Owed []string `json:"owed,omitempty"`
	// Certificates are what is to be remembered of those that the bundle asks for
	// itself, by their names.
	Certificates map[string]issuedPayload `json:"certificates,omitempty"`
	// Unchecked says that the generation has still to pass its check; Before what
	// was to be said of the one before it then.
	Unchecked bool            `json:"unchecked,omitempty"`
	Before    previousPayload `json:"before,omitzero"`
	// Rejected is the digest of a later generation that the check has vetoed.
	Rejected string `json:"rejected,omitempty"`
}

// previousPayload is what is remembered of the generation before one that is unchecked.
type previousPayload struct {
	Owed      []string `json:"owed,omitempty"`
	Unchecked bool     `json:"unchecked,omitempty"`
}

func parsePayload(payload json.RawMessage) (recordPayload, error) {
	var m recordPayload
	err := json.Unmarshal(payload, &m)
	return m, err
}

func (m recordPayload) payload() json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return b
}

// sameQuestion says whether two memos stem from equal members that asked Vault
// for the same and read equal files.
func (m recordPayload) sameQuestion(o recordPayload) bool {
	if m.Config != o.Config || !slices.Equal(m.Requests, o.Requests) || len(m.Inputs) != len(o.Inputs) {
		return false
	}
	for path, sum := range m.Inputs {
		if o.Inputs[path] != sum {
			return false
		}
	}
	return true
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// remember notes what a later start needs to know of what was rendered.
func (b *Bundle) remember(source *source) recordPayload {
	m := b.question(source)
	m.FreshUntil = b.freshUntil(source)
	for _, c := range b.certificates {
		if m.Certificates == nil {
			m.Certificates = make(map[string]issuedPayload, len(b.certificates))
		}
		m.Certificates[c.name] = c.memo()
	}
	return m
}

// question identifies what the bundle renders and asks.
func (b *Bundle) question(source *source) recordPayload {
	m := recordPayload{Inputs: source.digests()}
	var config strings.Builder
	for _, member := range b.templates {
		config.WriteString(member.digest())
	}
	for _, member := range b.certificates {
		config.WriteString(member.digest())
	}
	m.Config = digest(config.String())
	for _, request := range b.first {
		m.Requests = append(m.Requests, digest(fmt.Sprintf("%d %s %s", request.Kind, request.Path, string(request.Params))))
	}
	slices.Sort(m.Requests)
	return m
}

// freshUntil returns until when the generation needs no new answer, even after
// a restart: as long as it holds nothing but certificates that are not due.
// Leases end with the token that they belong to, and what is polled is read.
func (b *Bundle) freshUntil(source *source) time.Time {
	var until time.Time
	for _, member := range b.templates {
		if !member.reproducible() || member.variable != "" {
			return time.Time{}
		}
	}
	for _, answer := range source.seen {
		if answer.Serial == "" || answer.Secret.LeaseID != "" || answer.Secret.Auth != nil {
			return time.Time{}
		}
		if until.IsZero() || answer.RenewAt.Before(until) {
			until = answer.RenewAt
		}
	}
	return until
}
