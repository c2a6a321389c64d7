// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
	"github.com/certagent/certagent/vaultreq"
)

// errRegroup means that the bundle shares a secret with another one, and that the
// two are to be merged.
var errRegroup = errors.New("the bundle shares a secret with another one")

// render executes the templates and encodes the certificates with the answers at
// hand, inspects the result and compares it with the files on disk. If a member
// makes a new request, the bundle waits for its answer.
func (b *Bundle) render(ctx context.Context) error {
	b.rendered = nil
	source := newSource(ctx, func(r vaultreq.Request) (*secrets.Answer, bool) {
		answer, _ := b.secrets.Get(r)
		return answer, answer != nil
	})
	generation, asked, again, err := b.execute(source)
	b.templateFails = err != nil && !source.outside.Load() && b.allLoaded() && ctx.Err() == nil
	if again { // a file that is watched only from now on may have changed meanwhile
		return b.render(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	if !b.claim(asked, source.binds) {
		b.apply(plan.RenderIncomplete{})
		return errRegroup
	}
	if err != nil || generation == nil {
		b.want(append(asked, b.wanted...))
		if err == nil {
			b.apply(plan.RenderIncomplete{})
		}
		return err
	}
	b.want(asked)
	generation.Origin = b.origin(source)
	if err := generation.inspect(now()); err != nil {
		return err
	}
	generation.endsWith(source)
	if err := generation.checkVariables(b.env.Children); err != nil {
		return err
	}
	if err := b.target.lookUp(); err != nil {
		return err
	}
	content, err := generation.compare(b.target, len(b.reactions), b.env.Children)
	if err != nil { // what is wrong is the place where it is to go
		return &Failure{Kind: Publish, Err: err}
	}
	for request, answer := range source.seen {
		b.tellWrongName(request, answer)
		b.noticed[request] = answer.Version
	}
	rendered := plan.Rendered{Generation: generation.Generation, Content: content}
	if content == plan.Same {
		b.updateRecord(ctx, generation, rendered)
		return nil
	}
	b.rendered = generation
	b.apply(rendered)
	return nil
}

// tellWrongName logs that a certificate which a template asked for does not have the name.
// The template gets it all the same, as in Vault Agent.
func (b *Bundle) tellWrongName(r vaultreq.Request, answer *secrets.Answer) {
	if !issuesCertificate(r) || answer.Version == b.named[r] {
		return
	}
	if b.named == nil {
		b.named = make(map[vaultreq.Request]uint64)
	}
	b.named[r] = answer.Version
	text, _ := answer.Secret.Data["certificate"].(string)
	list, err := certificate.ParseCertificates([]byte(text))
	if err != nil || len(list) == 0 {
		return
	}
	if missing := missingNames(r, list[0]); len(missing) > 0 {
		b.log.Warn(logmsg.WrongName, logkey.Path, r.Path, logkey.Serial, certinfo.Serial(list[0]), logkey.Detail, strings.Join(missing, ", "))
	}
}

// missingNames returns the names in a request that a certificate does not have.
func missingNames(r vaultreq.Request, leaf *x509.Certificate) (missing []string) {
	var params map[string]string
	if json.Unmarshal([]byte(r.Params), &params) != nil {
		return nil
	}
	has := append(slices.Concat(leaf.DNSNames, leaf.EmailAddresses), leaf.Subject.CommonName)
	for _, ip := range leaf.IPAddresses {
		has = append(has, ip.String())
	}
	for _, name := range strings.FieldsFunc(params["common_name"]+","+params["alt_names"]+","+params["ip_sans"], func(c rune) bool { return c == ',' || c == ' ' }) {
		address, err := netip.ParseAddr(name)
		if err == nil {
			name = address.String()
		}
		ascii := !strings.ContainsFunc(name, func(c rune) bool { return c > unicode.MaxASCII }) // others are written in another way
		if ascii && !slices.ContainsFunc(has, func(h string) bool { return strings.EqualFold(h, name) }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// execute renders every member. The generation is nil as long as something is
// missing. A member that fails does not prevent the requests of the others.
func (b *Bundle) execute(source *source) (g *generation, asked []vaultreq.Request, again bool, err error) {
	g = new(generation)
	var inputs []string
	var errs []error
	missing := false
	for place, m := range b.templates {
		if m.source != "" {
			inputs = append(inputs, m.source)
		}
		result, err := m.execute(source)
		asked = append(asked, result.Used...)
		inputs = append(inputs, result.Inputs...)
		missing = missing || len(result.Missing) > 0
		if err == nil && len(result.Missing) == 0 {
			err = g.take(min(place, len(b.reactions)-1), m, result)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("template %q: %w", m.name, err))
		}
	}
	for _, m := range b.certificates {
		asked = append(asked, m.password.requests()...)
		inputs = append(inputs, m.password.inputs()...)
		complete, err := g.make(m, source)
		missing = missing || !complete
		if err != nil {
			errs = append(errs, fmt.Errorf("certificate %q: %w", m.name, err))
		}
	}
	again = b.inputs.Set(inputs)
	asked = unique(asked)
	if missing || len(errs) > 0 {
		return nil, asked, again, errors.Join(errs...)
	}
	return g, asked, again, nil
}

// make adds the files of a certificate. It returns false as long as the certificate
// or its password is missing.
func (g *generation) make(m *certificateMember, source *source) (complete bool, err error) {
	password, known, err := m.password.read(source)
	if err != nil || !known || !m.publishable() {
		return false, err
	}
	files, err := m.encode(password)
	if err != nil {
		return false, err
	}
	g.own = append(g.own, files...)
	g.leaves = append(g.leaves, m.pair.Leaf)
	return true, nil
}

func (m *templateMember) execute(source *source) (render.Result, error) {
	if m.template == nil {
		if err := m.load(); err != nil {
			return render.Result{}, err
		}
	}
	return m.template.Execute(source.ctx, source)
}

// take adds what a member rendered, with the owners looked up.
func (g *generation) take(reaction int, m *templateMember, result render.Result) error {
	uid, gid, err := m.owner.ids()
	if err != nil {
		return err
	}
	m.file.UID, m.file.GID = uid, gid
	g.add(reaction, m, result.Output)
	for _, w := range result.Written {
		uid, gid, err := owner{w.User, w.Group}.ids()
		if err != nil {
			return fmt.Errorf("writeToFile %q: %w", w.Path, err)
		}
		path, err := writtenPath(w.Path)
		if err != nil {
			return err
		}
		g.addFile(reaction, sinks.File{Path: path, Content: w.Content, Mode: w.Perms, UID: uid, GID: gid, CreateDirs: true})
	}
	return nil
}

// want passes the bundle's requests to the store.
func (b *Bundle) want(requests []vaultreq.Request) {
	requests = unique(requests)
	if slices.Equal(requests, b.wanted) {
		return
	}
	b.wanted = requests
	b.secrets.Want(requests)
}

// unique removes duplicates and keeps the order.
func unique(requests []vaultreq.Request) []vaultreq.Request {
	seen := make(map[vaultreq.Request]bool, len(requests))
	return slices.DeleteFunc(requests, func(r vaultreq.Request) bool {
		twice := seen[r]
		seen[r] = true
		return twice
	})
}
