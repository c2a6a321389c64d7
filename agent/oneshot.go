// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// errFinished ends a one-shot run.
var errFinished = errors.New("everything is done")

// revokeTime limits how long the end of a one-shot run waits for the token to be revoked.
const revokeTime = 2 * time.Second

// finish ends a one-shot run once every sink is written, every bundle is settled and
// every child is started: one that cannot be ends the run with its own code.
func (r *assembly) finish(ctx context.Context) error {
	waits := append(r.sinksWritten(), r.progress.settled.reached, r.announced)
	for _, c := range r.children.all {
		waits = append(waits, c.started)
	}
	if !waitFor(ctx, waits) {
		return nil
	}
	if r.Finished != nil {
		r.Finished(r.board.renewed())
	}
	return errFinished
}

// giveUp ends a one-shot run when its time is over, with the exit code of what it
// waits for.
func (r *assembly) giveUp(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(r.Timeout):
	}
	code, waits := r.waitsFor()
	return &Failure{Code: code, Err: fmt.Errorf("not done after %s; waiting for %s", r.Timeout, strings.Join(waits, "; for "))}
}

// waitsFor returns what a one-shot run waits for, and the exit code of what comes
// first: the login, secrets, files, a change.
func (r *assembly) waitsFor() (code int, waits []string) {
	first := func(c int, what string) {
		if code == 0 || c < code {
			code = c
		}
		waits = append(waits, what)
	}
	s := r.board.status()
	if s.Login != status.Nothing {
		why := ""
		if s.LoginError != "" {
			why = ": " + s.LoginError
		}
		first(ExitAuth, "a login"+why)
	}
	for i, written := range r.sinksWritten() {
		if !passed(written) && s.Login == status.Nothing {
			first(ExitPublish, "the token sink "+r.sinks[i].config.Path)
		}
	}
	for _, b := range r.board.unsettled(r.progress.settled.missing()) {
		why := ""
		switch {
		case b.known.Unissued != "":
			why = ": " + b.known.Unissued
		case b.known.LastError != "":
			why = ": " + b.known.LastError
		case s.Login != status.Nothing: // that is why
		case b.known.Awaits == status.Vault:
			why = ": Vault has not answered"
		default:
			why = ": it is at the step " + b.heartbeat.doing
		}
		first(waitCode(b.known), fmt.Sprintf("bundle %q%s", b.known.Name, why))
	}
	if code == 0 {
		first(ExitError, "the last step")
	}
	return code, waits
}

// waitCode returns the exit code for a bundle that is not settled.
func waitCode(b status.Bundle) int {
	switch {
	case b.Awaits != status.Nothing || b.Unissued != "":
		return ExitSecrets
	case b.Check == status.Vetoed || b.Check == status.Unchecked && b.Generation > 0 || b.Owed > 0:
		return ExitChange
	case b.PublishFailed:
		return ExitPublish
	case !b.Published || b.Expired(time.Now()):
		return ExitSecrets
	}
	return ExitChange
}

// passed reports whether a channel is closed.
func passed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// revoke revokes the token of a one-shot run, unless it is of use to somebody: it
// is in a sink or was delivered to certagent, or something in the files was leased or
// created with it, and would end with it.
func (r *assembly) revoke() {
	if !r.RevokeToken || len(r.sinks) > 0 || r.store.Leased() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokeTime)
	defer cancel()
	if err := r.login.RevokeSelf(ctx); err != nil {
		r.Logger.Debug(logmsg.TokenNotRevoked, logkey.Error, err)
	}
}

// unsettled returns the reports of the bundles with these members.
func (b *statusBoard) unsettled(members map[int]bool) (found []report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for of, r := range b.reports {
		if slices.ContainsFunc(of.Indexes(), func(i int) bool { return members[i] }) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(x, y report) int { return x.order - y.order })
	return found
}

// renewed returns how many bundles have a generation that this run published, and how
// many have not.
func (b *statusBoard) renewed() (renewed, kept int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.reports {
		if r.known.Generation > r.first {
			renewed++
		} else {
			kept++
		}
	}
	return renewed, kept
}
