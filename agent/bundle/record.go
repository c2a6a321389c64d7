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

// recordPayload is what a bundle's record keeps for the next start: the changes that
// are owed, and how long the files need no new answer from Vault. It holds no secret
// and no command. A change is named by its digest, so that nobody who can write to
// the directory can make the agent run something.
type recordPayload struct {
	// Config identifies the members that rendered the files.
	Config string `json:"config"`
	// Requests are the digests of the requests to Vault, sorted.
	Requests []string `json:"requests"`
	// Inputs are digests of the local files that the templates read.
	Inputs map[string]string `json:"inputs,omitempty"`
	// FreshUntil is when the first of the bundle's certificates is due. Zero: send
	// the requests again after a restart.
	FreshUntil time.Time `json:"fresh_until,omitzero"`
	// Expires is when the first of the bundle's certificates expires.
	Expires time.Time `json:"expires,omitzero"`
	// Owed are the digests of the changes that have yet to succeed.
	Owed []string `json:"owed,omitempty"`
	// Certificates is what the record keeps of the bundle's certificates, by name.
	Certificates map[string]issuedPayload `json:"certificates,omitempty"`
	// Unchecked is set while the generation has not passed its check. Before then
	// belongs to the generation before it.
	Unchecked bool            `json:"unchecked,omitempty"`
	Before    previousPayload `json:"before,omitzero"`
	// Rejected is the digest of a later generation that the check has vetoed.
	Rejected string `json:"rejected,omitempty"`
}

// previousPayload is what the record keeps of the generation before one that is
// unchecked.
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

// sameInputs reports whether two payloads stem from equal members with equal
// requests and files.
func (m recordPayload) sameInputs(o recordPayload) bool {
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

// payload returns the payload of a rendering that read from source.
func (b *Bundle) payload(source *source) recordPayload {
	m := b.inputsOf(source)
	m.FreshUntil = b.freshUntil(source)
	for _, c := range b.certificates {
		if m.Certificates == nil {
			m.Certificates = make(map[string]issuedPayload, len(b.certificates))
		}
		m.Certificates[c.name] = c.memo()
	}
	return m
}

// inputsOf returns the payload with only what identifies the inputs of a rendering.
func (b *Bundle) inputsOf(source *source) recordPayload {
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

// freshUntil returns how long the generation needs no new answer, even after a
// restart: until the first certificate is due, if it holds nothing but certificates.
// It is zero otherwise, because leases end with their token, and secrets without a
// lease are polled.
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
