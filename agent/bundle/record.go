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

	"github.com/certagent/certagent/agent/plan"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// origin returns what a rendering that read from source was made from.
func (b *Bundle) origin(source *source) plan.Origin {
	o := b.inputsOf(source)
	o.FreshUntil = b.freshUntil(source)
	for _, c := range b.certificates {
		if o.Certificates == nil {
			o.Certificates = make(map[string]json.RawMessage, len(b.certificates))
		}
		o.Certificates[c.name] = c.payload().JSON()
	}
	return o
}

// inputsOf returns the origin with only what identifies the inputs of a rendering.
func (b *Bundle) inputsOf(source *source) plan.Origin {
	o := plan.Origin{Inputs: source.digests()}
	var config strings.Builder
	for _, member := range b.templates {
		config.WriteString(member.digest())
	}
	for _, member := range b.certificates {
		config.WriteString(member.digest())
	}
	o.Config = digest(config.String())
	for _, request := range b.first {
		o.Requests = append(o.Requests, digest(fmt.Sprintf("%d %s %s", request.Kind, request.Path, string(request.Params))))
	}
	slices.Sort(o.Requests)
	return o
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
