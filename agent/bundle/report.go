// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/status"
)

// Grace is what a step may take beside its time-outs: for disks, and for what a
// template calls. Beyond it the loop is stuck rather than slow.
const Grace = 5 * time.Minute

// report sends the heartbeat, at least every recheck.
func (b *Bundle) report(step plan.Step) {
	b.env.Report(Report{Of: b, Order: b.Order(), Status: b.known(), Step: step.Do.String(), Within: b.within(step)})
}

// Order returns the place of the bundle's first member in the configuration.
func (b *Bundle) Order() int {
	order := math.MaxInt
	for _, m := range b.templates {
		order = min(order, m.index)
	}
	for _, m := range b.certificates {
		order = min(order, m.index)
	}
	return order
}

// within returns how long a step may take until the next heartbeat: the sum of its
// time-outs, and Grace. 0 means no limit, for a command without a time-out.
func (b *Bundle) within(step plan.Step) time.Duration {
	switch step.Do {
	case plan.Rest:
		return recheck + Grace
	case plan.Check:
		return limit(b.block.Check.Timeout, checkKillTimeout)
	case plan.React:
		return b.env.within(b.reaction(b.state.Published.Pending[step.Index]).Change)
	}
	return Grace
}

// within returns how long a change may take. An equal one of another bundle may run
// before it.
func (e *Env) within(c *config.Change) time.Duration {
	switch c.Mode {
	case config.Command:
		return 2 * limit(c.Timeout, c.KillTimeout)
	case config.Restart:
		return 2 * (Grace + e.Children.StopTimeout(c.Exec))
	}
	return Grace
}

// limit returns a time-out and what follows it; 0 if there is no time-out.
func limit(timeout, after time.Duration) time.Duration {
	if timeout <= 0 {
		return 0
	}
	return timeout + max(after, 0) + Grace
}

// known returns the bundle's status.
func (b *Bundle) known() status.Bundle {
	inUse, _ := b.state.InUse()
	return status.Bundle{
		Name:         b.name,
		Generation:   b.published.record.Generation,
		Published:    b.state.Readiness.MayStart,
		Awaits:       b.awaits(),
		Check:        b.checkState(),
		Proof:        b.proofState(),
		Owed:         b.owed(),
		Renews:       b.renews(),
		Tries:        b.tries(),
		Expires:      inUse.At,
		Serial:       inUse.Serial,
		Trouble:      b.because(),
		Untold:       b.state.Trouble() == plan.AbsentTrouble,
		AwaitsAnswer: b.state.Trouble() == plan.AnswerTrouble,
		Unissued:     b.unissued(),
		LastError:    b.lastError.text,
		LastErrorAt:  b.lastError.at,

		PublishFailed: b.lastError.publish,
	}
}

// unissued returns why a certificate that is due could not be had; "" if none is.
func (b *Bundle) unissued() string {
	i := b.state.Unissued()
	if i < 0 {
		return ""
	}
	m, c := b.certificates[i], b.state.Certificates[i]
	if c.Limited || m.failure.err == nil {
		return fmt.Sprintf("certificate %q is not issued before %s: max_issues_per_hour is reached", m.name, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return m.failure.err.Error()
}

// owed returns how many changes have yet to succeed, but for those whose target is not
// there.
func (b *Bundle) owed() int {
	n := 0
	for _, p := range b.state.Published.Pending {
		if !p.Waits() {
			n++
		}
	}
	return n
}

// lastError is the latest failure.
type lastError struct {
	err  error
	text string
	at   time.Time

	publish bool // it is about the bundle's files
}

// noteError records the latest failure, of that step, for the status.
func (b *Bundle) noteError(of plan.Action, err error) {
	b.lastError = lastError{err: err, text: err.Error(), at: now()}
	b.reasons[troubles[of]] = err
}

// awaits returns what the next generation waits for: answers from Vault, or an
// operator because Vault refuses. It is Nothing if the reason is on this host.
func (b *Bundle) awaits() status.Awaits {
	awaits, here := status.Nothing, b.state.Failures.Render > 0
	if b.state.Missing > 0 {
		awaits = status.Vault
	}
	var reasons []error // why there is no answer
	for _, request := range b.wanted {
		if answer, err := b.secrets.Get(request); answer == nil && err != nil {
			reasons = append(reasons, err)
		}
	}
	for i, c := range b.state.Certificates {
		switch {
		case !c.Absent:
		case c.LoadFailed || c.Limited || b.certificates[i].clock != nil:
			here = true
		case c.Failures > 0:
			reasons = append(reasons, b.certificates[i].failure.err)
		default:
			awaits = status.Vault
		}
	}
	for _, err := range reasons {
		switch awaited(err) {
		case status.Operator:
			return status.Operator
		case status.Nothing:
			here = true
		default:
			awaits = status.Vault
		}
	}
	if here {
		return status.Nothing
	}
	return awaits
}

// awaited returns what ends the failure of a request: Vault's availability, an operator
// because Vault refuses, or, for Nothing, something on this host: its clock, its CAs, its
// keys.
func awaited(err error) status.Awaits {
	var failed *secrets.Error
	switch {
	case errors.As(err, &failed) && failed.Temporary():
		return status.Vault
	case errors.As(err, &failed) && (failed.Class == secrets.WrongClock || failed.Class == secrets.Transient): // TLS was refused
		return status.Nothing
	case failed != nil || errors.As(err, new(*certificate.AnswerError)):
		return status.Operator
	}
	return status.Nothing
}

// refused reports whether an operator has to act before the request can succeed.
func refused(err error) bool {
	var failed *secrets.Error
	var answer *certificate.AnswerError
	return errors.As(err, &failed) && failed.Class != secrets.Transient && failed.Class != secrets.InvalidToken || errors.As(err, &answer)
}

func (b *Bundle) checkState() status.Check {
	switch {
	case !b.state.Setup.Checks:
		return status.NoCheck
	case b.state.Vetoes > 0 || b.state.Rejected != "":
		return status.Vetoed
	case b.state.Published.Check != plan.Passed:
		return status.Unchecked
	}
	return status.Passed
}

func (b *Bundle) proofState() status.Proof {
	switch v := b.state.Verification; {
	case !b.verifies():
		return status.NoProof
	case v.ServedOld > 0:
		return status.ServedOld
	case v.Absent:
		return status.Unreachable
	case v.Unverified || len(b.published.leaves) == 0:
		return status.Unproven
	}
	return status.Served
}

// tries returns when the next request for a certificate or a secret that is due is made,
// if it is held back; zero otherwise.
func (b *Bundle) tries() time.Time {
	var first time.Time
	for _, request := range b.wanted {
		var failed *secrets.Error
		if _, err := b.secrets.Get(request); errors.As(err, &failed) && failed.RetryAt.After(b.state.ObservedAt) && (first.IsZero() || failed.RetryAt.Before(first)) {
			first = failed.RetryAt
		}
	}
	for _, c := range b.state.Certificates {
		if !c.Asking && !c.Due.After(b.state.ObservedAt) && c.NotBefore.After(b.state.ObservedAt) && (first.IsZero() || c.NotBefore.Before(first)) {
			first = c.NotBefore
		}
	}
	return first
}

// renews returns when the first renewal is due; zero if nothing is to be renewed.
func (b *Bundle) renews() time.Time {
	var all []time.Time
	if !b.state.Fetching {
		all = append(all, b.state.FreshUntil)
	}
	for _, request := range b.wanted {
		if answer, _ := b.secrets.Get(request); answer != nil && !answer.ExpiresAt.IsZero() {
			all = append(all, answer.RenewAt)
		}
	}
	for _, c := range b.state.Certificates {
		if !c.Absent && c.Loaded {
			all = append(all, c.Due)
		}
	}
	all = slices.DeleteFunc(all, time.Time.IsZero)
	if len(all) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(all, func(x, y time.Time) int { return cmp.Compare(x.UnixNano(), y.UnixNano()) })
}
