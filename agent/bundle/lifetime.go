// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// tellLifetime logs what Vault warns of, and which of the configured times the certificate
// that was just issued does not keep: once, and again only if that changes.
func (b *Bundle) tellLifetime(ctx context.Context, m *certificateMember, warnings []string, renews, now time.Time) {
	warnings = slices.Compact(slices.DeleteFunc(slices.Clone(warnings), isCSRWarning)) // Vault says some twice
	shortened, unkept := m.lifetimeWishes(now)
	told := strings.Join([]string{strings.Join(warnings, "; "), shortened, unkept}, "\n")
	if strings.TrimSpace(told) == "" {
		told = ""
	}
	if told == m.told {
		return
	}
	m.told = told
	if len(warnings) > 0 {
		b.log.Warn(logmsg.VaultWarning, logkey.Certificate, m.name, logkey.Path, m.spec.Path(), logkey.Error, cut(strings.Join(warnings, "; "), longestWarning))
	}
	if shortened != "" {
		b.log.Warn(logmsg.LifetimeShortened, logkey.Certificate, m.name, logkey.Path, m.spec.Path(), logkey.Detail, shortened, logkey.Renews, renews,
			logkey.Hint, fmt.Sprintf("see max_ttl with vault read %s/roles/%s and the end of the CA, or write a shorter ttl", path.Dir(m.spec.Role), path.Base(m.spec.Role)),
			expires(m.pair.Leaf.NotAfter))
	}
	if unkept != "" {
		b.log.Warn(logmsg.RenewBeforeNotKept, logkey.Certificate, m.name, logkey.Detail, unkept, logkey.Renews, renews,
			logkey.Hint, "write a shorter renew_before, or have the role grant a longer lifetime", expires(m.pair.Leaf.NotAfter))
	}
}

// isCSRWarning reports whether Vault warns that it takes the names from the CSR. They are
// the same there.
func isCSRWarning(text string) bool {
	return strings.Contains(text, "use_csr_common_name") || strings.Contains(text, "use_csr_sans")
}

// longestWarning is how much of Vault's warnings is logged.
const longestWarning = 300

// slack is by how much a lifetime may be shorter than the one that was asked for: the
// answer was on its way, and clocks differ.
func slack(ttl time.Duration) time.Duration { return max(ttl/50, 5*time.Second) }

// lifetimeWishes returns in which way the certificate does not have the configured ttl,
// and why renew_before cannot be kept; "" for each that is kept.
func (m *certificateMember) lifetimeWishes(now time.Time) (shortened, unkept string) {
	granted := grantedLifetime(m.pair.Leaf, now)
	if wanted := m.spec.TTL; wanted > 0 && granted < wanted-slack(wanted) {
		shortened = fmt.Sprintf("ttl is %v, granted are %v", wanted, granted.Round(roundTo(granted)))
	}
	if before := m.schedule.Before; before > 0 && before >= granted {
		unkept = fmt.Sprintf("renew_before is %v, the lifetime %v: renewed after two thirds of it", before, granted.Round(roundTo(granted)))
	}
	return shortened, unkept
}

// grantedLifetime returns how long a certificate that was just issued lives. Vault dates
// it back by 30 s; this host's clock counts only if it agrees with that.
func grantedLifetime(leaf *x509.Certificate, now time.Time) time.Duration {
	const datedBack, agrees = 30 * time.Second, 2 * time.Minute
	start := leaf.NotBefore.Add(datedBack)
	if now.Sub(start).Abs() < agrees {
		start = now
	}
	return leaf.NotAfter.Sub(start)
}

// roundTo returns the precision in which a lifetime is told, so that it reads the same for
// each certificate.
func roundTo(d time.Duration) time.Duration {
	switch {
	case d > 12*time.Hour:
		return time.Hour
	case d > 10*time.Minute:
		return time.Minute
	}
	return 5 * time.Second
}
