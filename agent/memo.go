// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// memo is what a bundle leaves beside its files for the next start: what is
// owed, and until when the files need no new answer from Vault. It holds no
// secret and no command: what is owed is named by a digest, so that whoever can
// write to the directory cannot have anything run.
type memo struct {
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
	Certificates map[string]holdingMemo `json:"certificates,omitempty"`
	// Unchecked says that the generation has still to pass its check; Before what
	// was to be said of the one before it then.
	Unchecked bool       `json:"unchecked,omitempty"`
	Before    beforeMemo `json:"before,omitzero"`
	// Rejected is the digest of a later generation that the check has vetoed.
	Rejected string `json:"rejected,omitempty"`
}

// beforeMemo is what is remembered of the generation before one that is unchecked.
type beforeMemo struct {
	Owed      []string `json:"owed,omitempty"`
	Unchecked bool     `json:"unchecked,omitempty"`
}

func parseMemo(payload json.RawMessage) (memo, error) {
	var m memo
	err := json.Unmarshal(payload, &m)
	return m, err
}

func (m memo) payload() json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return b
}

// sameQuestion says whether two memos stem from equal members that asked Vault
// for the same and read equal files.
func (m memo) sameQuestion(o memo) bool {
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
