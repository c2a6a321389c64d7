// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// keyKind returns the kind of key to ask with. If the role decides, it is what the role
// required last, or what the certificate on disk has.
func (m *certificateMember) keyKind() certspec.KeySpec {
	k := m.spec.Key
	if !k.ByRole {
		return k
	}
	kind := m.required
	if kind.Type == "" && m.pair.Leaf != nil && m.identity == m.spec.Identity() {
		kind, _ = certificate.KindOf(m.pair.Leaf.PublicKey)
	}
	if kind.Type != "" && kind.Validate() == nil {
		k.Type, k.Bits = kind.Type, kind.Bits
	}
	k.ByRole = false
	return k
}

// mostKinds is how many kinds of key are tried: the default, one of the role's type, and
// one of its size.
const mostKinds = 3

// request asks for a certificate with a key of a kind. If the role requires another kind
// and nothing else is configured, it asks again at once with such a key.
func (b *Bundle) request(ctx context.Context, a *issueResult, spec certspec.Spec, kind certspec.KeySpec, held certificate.PrivateKey) {
	byRole := spec.Key.ByRole
	for range mostKinds {
		spec.Key, a.kind = kind, kind
		if a.request, a.err = certificate.NewRequest(spec, held); a.err != nil {
			return
		}
		a.secret, a.err = b.env.Store.Ask(ctx, a.request.Path, a.request.Params)
		if a.err == nil || !byRole {
			return
		}
		var failed *secrets.Error
		if !errors.As(a.err, &failed) || failed.Class != secrets.Refused {
			return
		}
		required, ok := certificate.RequiredKey(failed.Error(), kind)
		if !ok {
			return
		}
		kind = required
	}
}

// noteKind logs that the role requires another kind of key than was asked with, once.
func (b *Bundle) noteKind(m *certificateMember, kind certspec.KeySpec) {
	asked := m.keyKind()
	if kind.Type == "" || kind.Type == asked.Type && kind.Bits == asked.Bits {
		return
	}
	m.required = kind
	b.log.Info(logmsg.KeyByRole, logkey.Certificate, m.name, logkey.Path, m.spec.Path(),
		logkey.Detail, certificate.DescribeKey(kind)+" instead of "+certificate.DescribeKey(asked),
		logkey.Hint, "write "+certificate.KeyLine(kind)+" to ask with it at once")
}
