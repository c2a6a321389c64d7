// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// remember notes what a later start needs to know of a generation.
func (b *bundle) remember(source *source, g *generation) memo {
	m := b.question(source)
	m.Expires = g.expires
	m.FreshUntil = b.freshUntil(source)
	return m
}

// question identifies what the bundle renders and asks.
func (b *bundle) question(source *source) memo {
	m := memo{Inputs: source.digests()}
	var config strings.Builder
	for _, member := range b.members {
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
	for _, member := range b.members {
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
