// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/status"
)

// grace is what a step may take beside its time-outs: for disks, and for what a
// template calls. Beyond it the loop is stuck rather than slow.
const grace = 5 * time.Minute

// report tells how far the bundle is, and which step it takes now: the sign of
// life that it gives at least every recheck.
func (b *bundle) report(step plan.Step) {
	b.board.put(b, report{order: b.order(), known: b.known(), sign: newSign(step.Do.String(), b.within(step))})
}

// order is the place of the bundle's first member in the configuration.
func (b *bundle) order() int {
	order := math.MaxInt
	for _, m := range b.templates {
		order = min(order, m.index)
	}
	for _, m := range b.certificates {
		order = min(order, m.index)
	}
	return order
}

// within is how long a step may take until the bundle gives another sign: the
// sum of its time-outs, and grace. 0 is for ever, as a command without a time-out
// may run.
func (b *bundle) within(step plan.Step) time.Duration {
	switch step.Do {
	case plan.Rest:
		return recheck + grace
	case plan.Check:
		return limit(b.block.Check.Timeout, checkKillTimeout)
	case plan.React:
		return b.parts.within(b.seen.owed[step.Index].Change)
	}
	return grace
}

// within is how long a change may take. An equal one of another bundle may be
// under way before it.
func (p *parts) within(c *config.Change) time.Duration {
	switch c.Mode {
	case config.Command:
		return 2 * limit(c.Timeout, c.KillTimeout)
	case config.Restart:
		within := grace
		for _, child := range p.children.chosen(c.Exec) { // one after the other
			within += child.config.KillTimeout
		}
		return 2 * within
	}
	return grace
}

// limit is a time-out and what comes after it; 0 if there is no time-out.
func limit(timeout, after time.Duration) time.Duration {
	if timeout <= 0 {
		return 0
	}
	return timeout + max(after, 0) + grace
}

// known is what the bundle knows of itself.
func (b *bundle) known() status.Bundle {
	return status.Bundle{
		Name:        b.name,
		Generation:  b.seen.record.Generation,
		Published:   b.mayStart,
		Awaits:      b.awaits(),
		Check:       b.checkState(),
		Proof:       b.proofState(),
		Owed:        len(b.seen.owed),
		Renews:      b.renews(),
		Expires:     b.seen.memo.Expires,
		LastError:   b.lastError.text,
		LastErrorAt: b.lastError.at,
	}
}

// lastError is why something has failed last, and when.
type lastError struct {
	err  error
	text string
	at   time.Time
}

// noteError remembers why something has failed.
func (b *bundle) noteError(err error) {
	b.lastError = lastError{err, err.Error(), time.Now().Round(0)}
}

// awaits says what the next generation waits for: the answers to the secrets and
// the certificates that are missing.
func (b *bundle) awaits() status.Awaits {
	awaits := status.Nothing
	if b.facts.Missing > 0 {
		awaits = status.Vault
	}
	for _, request := range b.wanted {
		var failed *secrets.Error
		answer, err := b.secrets.Get(request)
		if answer == nil && errors.As(err, &failed) && failed.Class != secrets.Transient && failed.Class != secrets.InvalidToken {
			return status.Operator
		}
	}
	for i, c := range b.facts.Certificates {
		if !c.Absent {
			continue
		}
		if b.certificates[i].attempts.refused {
			return status.Operator
		}
		awaits = status.Vault
	}
	return awaits
}

// refused says whether waiting is not enough for a certificate that could not be
// had.
func refused(err error) bool {
	var failed *secrets.Error
	var answer *certificate.AnswerError
	return errors.As(err, &failed) && failed.Class != secrets.Transient && failed.Class != secrets.InvalidToken || errors.As(err, &answer)
}

func (b *bundle) checkState() status.Check {
	switch {
	case b.block == nil || b.block.Check == nil:
		return status.NoCheck
	case b.veto.times > 0 || b.veto.rejected != "":
		return status.Vetoed
	case b.facts.Unchecked:
		return status.Unchecked
	}
	return status.Passed
}

func (b *bundle) proofState() status.Proof {
	switch {
	case !b.proves():
		return status.NoProof
	case b.proof.timesOld > 0:
		return status.ServedOld
	case b.proof.absent:
		return status.Unreachable
	case b.facts.Unverified || len(b.seen.leaves) == 0:
		return status.Unproven
	}
	return status.Served
}

// renews is when the first of what the bundle asks for and what ends will be asked
// for again.
func (b *bundle) renews() time.Time {
	var all []time.Time
	if !b.facts.Fetching {
		all = append(all, b.facts.FreshUntil)
	}
	for _, request := range b.wanted {
		if answer, _ := b.secrets.Get(request); answer != nil && !answer.ExpiresAt.IsZero() {
			all = append(all, answer.RenewAt)
		}
	}
	for i, c := range b.facts.Certificates {
		if !c.Absent && b.certificates[i].looked {
			all = append(all, c.Due)
		}
	}
	all = slices.DeleteFunc(all, time.Time.IsZero)
	if len(all) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(all, func(x, y time.Time) int { return cmp.Compare(x.UnixNano(), y.UnixNano()) })
}
