// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/jitter"
	"github.com/certagent/certagent/vaultreq"
)

const (
	// leaseFraction is the fraction of a renewable lease after which it is renewed,
	// less up to spread.
	leaseFraction = 2.0 / 3
	// spread is the fraction of a lifetime over which renewals are spread, for hosts
	// whose certificates were issued at the same time.
	spread = 0.05
	// minDelay is the shortest delay, for answers with hardly any lifetime.
	minDelay = 500 * time.Millisecond
	// margin is the least time between a certificate's renewal and its end, within which
	// it is requested, published and taken up; a third of what is left if that is less.
	margin = 500 * time.Millisecond
)

// facts are what the renewal schedule depends on.
type facts struct {
	kind    vaultreq.Kind
	secret  *api.Secret
	window  window
	asked   time.Time // when the request was made, by the wall clock
	adopted bool      // found on this host: asked is not when it was issued
	draw    float64   // in [0,1), drawn once for this answer on this host
}

// policy is the configured part of the renewal schedule.
type policy struct {
	threshold float64       // lease_renewal_threshold, in (0,1)
	static    time.Duration // static_secret_render_interval
}

// deadline is when an answer must be renewed, and how.
type deadline struct {
	at       time.Time
	renew    bool      // renew the lease instead of repeating the request
	absolute bool      // fixed by a certificate's window, not counted from asked
	expires  time.Time // when the answer expires; zero if it does not
}

// next returns the deadline of an answer. It follows Vault Agent (leaseCheckWait and
// goodFor in consul-template's dependency package) with four exceptions: certificates of
// pkiCert have jitter, which is zero there; an answer that has already expired is not
// requested in a loop; a host whose clock is behind does not wait longer than a
// certificate is valid; and a renewal leaves margin, where a tenth of a few seconds is
// less than a busy host needs.
func next(f facts, p policy) deadline {
	d := byKind(f, p)
	if left := d.expires.Sub(f.asked); d.absolute && left > 0 {
		// All draws move by the same time, so that the spread remains.
		least, greatest := f, f
		least.draw, greatest.draw = 0, 1
		latest := byKind(least, p).at
		if at := byKind(greatest, p).at; at.After(latest) {
			latest = at
		}
		if early := latest.Sub(d.expires) + min(margin, left/3); early > 0 {
			d.at = d.at.Add(-early)
		}
	}
	if earliest := f.asked.Add(minDelay); !f.adopted && d.at.Before(earliest) {
		d.at = earliest
	}
	return d
}

func byKind(f facts, p policy) deadline {
	switch lease := leaseOf(f.secret); {
	case f.window.present() && (f.kind == vaultreq.Certificate || f.adopted):
		return certificateDeadline(f, p)
	case renewable(f.secret) && lease > 0:
		return leaseDeadline(f, p, lease)
	default:
		return plainDeadline(f, p, lease)
	}
}

// certificateDeadline counts from NotBefore, so that a restart does not move it.
func certificateDeadline(f facts, p policy) deadline {
	fraction := p.fraction(f.draw)
	if f.kind == vaultreq.Certificate {
		fraction = p.fractionBelow(f.draw)
	}
	life, left := f.window.lifetime(), f.window.notAfter.Sub(f.asked)
	if left <= 0 && !f.adopted {
		return deadline{at: f.asked.Add(jitter.Part(p.static, fraction)), expires: f.window.notAfter}
	}
	at := f.window.notBefore.Add(jitter.Part(life, fraction))
	// Vault dates NotBefore back by 30 s. For a certificate with a lifetime of a few
	// seconds, nine tenths are over when it is issued.
	if half := f.asked.Add(left / 2); !f.adopted && at.Before(half) {
		at = half
	}
	if latest := f.asked.Add(jitter.Part(life, fraction)); at.After(latest) {
		at = latest
	}
	return deadline{at: at, absolute: true, expires: f.window.notAfter}
}

// leaseDeadline renews at two thirds, or requests again if the answer contains a
// certificate that expires sooner, because renewing a lease does not extend that.
func leaseDeadline(f facts, p policy, lease time.Duration) deadline {
	d := deadline{
		at:      f.asked.Add(jitter.Part(lease, leaseFraction-spread*f.draw)),
		renew:   true,
		expires: f.asked.Add(lease),
	}
	if !f.window.present() {
		return d
	}
	left := min(f.window.notAfter.Sub(f.asked), f.window.lifetime())
	if at := f.asked.Add(jitter.Part(left, p.fraction(f.draw))); left > 0 && at.Before(d.at) {
		return deadline{at: at, absolute: true, expires: f.window.notAfter}
	}
	return d
}

// plainDeadline is for what can only be requested again.
func plainDeadline(f facts, p policy, lease time.Duration) deadline {
	data, leased := f.secret.Data, f.secret.LeaseID != ""
	base, expires := lease, time.Time{}
	if lease > 0 && (leased || f.secret.Auth != nil) {
		expires = f.asked.Add(lease)
	}
	absolute := false
	if f.window.present() {
		left := min(f.window.notAfter.Sub(f.asked), f.window.lifetime())
		if !leased || left < lease {
			base, expires, absolute = left, f.window.notAfter, left > 0
		}
	}
	if ttl, ok := number(data["secret_id_ttl"]); ok && ttl > 0 && data["secret_id"] != nil && !leased {
		base, expires = seconds(ttl)+time.Second, f.asked.Add(seconds(ttl))
	}
	fraction := p.fraction(f.draw)
	if ttl, ok := number(data["ttl"]); ok && data["rotation_period"] != nil && !leased {
		// The server rotates it at that moment: an earlier request is of no use.
		base, expires, fraction = seconds(ttl)+time.Second, f.asked.Add(seconds(ttl)), 1
	}
	if base <= 0 {
		base = p.static
	}
	return deadline{at: f.asked.Add(jitter.Part(base, fraction)), absolute: absolute, expires: expires}
}

// fraction returns the threshold with jitter in both directions; the threshold itself if
// the result is not between 0 and 1, as in Vault Agent.
func (p policy) fraction(draw float64) float64 {
	if f := p.threshold + (2*draw-1)*spread; f > 0 && f < 1 {
		return f
	}
	return p.threshold
}

// fractionBelow returns the threshold less jitter.
func (p policy) fractionBelow(draw float64) float64 {
	if f := p.threshold - draw*spread; f > 0 {
		return f
	}
	return p.threshold
}
