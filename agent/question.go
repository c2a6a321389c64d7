// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// remember notes what a later start needs to know of what was rendered.
func (b *bundle) remember(source *source) memo {
	m := b.question(source)
	m.FreshUntil = b.freshUntil(source)
	for _, c := range b.certificates {
		if m.Certificates == nil {
			m.Certificates = make(map[string]holdingMemo, len(b.certificates))
		}
		m.Certificates[c.name] = c.memo()
	}
	return m
}

// question identifies what the bundle renders and asks.
func (b *bundle) question(source *source) memo {
	m := memo{Inputs: source.digests()}
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
func (b *bundle) freshUntil(source *source) time.Time {
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
