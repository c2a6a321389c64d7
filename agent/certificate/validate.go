// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// FieldError is what is wrong with one field of a Spec, an Output or a Schedule.
type FieldError struct {
	Field   string // in the words of the configuration, such as "alt_names"
	Message string
}

func (e FieldError) Error() string { return e.Field + ": " + e.Message }

// fields collects what is wrong.
type fields []FieldError

func (f *fields) add(field, format string, args ...any) {
	*f = append(*f, FieldError{field, fmt.Sprintf(format, args...)})
}

// Validate returns everything that is wrong with the spec; nil if nothing is.
// What only the role can forbid is left to Vault.
func (s Spec) Validate() []FieldError {
	var f fields
	s.validateRole(&f)
	s.validateNames(&f)
	s.validateLifetime(&f)
	s.validateParams(&f)
	s.Key.validate(&f)
	return f
}

func (s Spec) validateRole(f *fields) {
	switch {
	case s.Role == "":
		f.add("role", "is missing: it is the mount and the role, such as %q", "pki/web")
	case !strings.Contains(s.Role, "/"):
		f.add("role", "%q names no mount: write it as %q", s.Role, "pki/"+s.Role)
	case slices.ContainsFunc(strings.Split(s.Role, "/"), badSegment):
		f.add("role", "%q is not of the form mount/role", s.Role)
	}
}

// badSegment refuses what Vault would read as another path.
func badSegment(text string) bool {
	return text == "" || text == "." || text == ".." || strings.ContainsAny(text, "?#%\\") || hasSpaceOrControl(text)
}

func (s Spec) validateNames(f *fields) {
	if s.CommonName == "" && len(s.AltNames)+len(s.IPSANs)+len(s.URISANs)+len(s.OtherSANs) == 0 {
		f.add("common_name", "is missing, and there is no other name either")
	}
	if s.CommonName != strings.TrimSpace(s.CommonName) || hasControl(s.CommonName) {
		f.add("common_name", "%q has spaces around it or control characters", s.CommonName)
	}
	var n names
	for _, list := range []struct {
		field string
		texts []string
		add   func(string) error
	}{
		{"alt_names", s.AltNames, n.addName}, {"ip_sans", s.IPSANs, n.addIP},
		{"uri_sans", s.URISANs, n.addURI}, {"other_sans", s.OtherSANs, n.addOther},
	} {
		for _, text := range list.texts {
			if err := list.add(text); err != nil {
				f.add(list.field, "%v", err)
			}
		}
	}
}

func (s Spec) validateLifetime(f *fields) {
	if s.TTL < 0 || s.TTL%time.Second != 0 {
		f.add("ttl", "%v is not a positive number of whole seconds", s.TTL)
	}
	if s.NotAfter == "" {
		return
	}
	if _, err := time.Parse(time.RFC3339, s.NotAfter); err != nil {
		f.add("not_after", "%q is not a time such as %q", s.NotAfter, "2030-01-31T00:00:00Z")
	}
	if s.TTL != 0 {
		f.add("not_after", "cannot stand beside ttl: Vault takes one of the two")
	}
}

// fieldParams are parameters that have a field, and formParams those that would
// change the form of the answer, of which the outputs are made whatever it is.
var (
	fieldParams = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans", "exclude_cn_from_sans", "ttl", "not_after"}
	formParams  = []string{"csr", "format", "private_key_format"}
)

func (s Spec) validateParams(f *fields) {
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		switch {
		case name == "" || hasSpaceOrControl(name):
			f.add("params", "%q is not the name of a parameter", name)
		case slices.Contains(fieldParams, name):
			f.add("params", "%q has a key of its own in the certificate block", name)
		case slices.Contains(formParams, name):
			f.add("params", "%q is not for the configuration to set: files says which forms are written", name)
		}
	}
}

func (k KeySpec) validate(f *fields) {
	k = k.normal()
	sizes, known := keySizes[k.Type]
	switch {
	case !known:
		f.add("key.type", "%q is not one of %q, %q, %q, %q", k.Type, EC, RSA, Ed25519, Vault)
	case k.Bits != 0 && len(sizes) == 0:
		f.add("key.bits", "has no meaning for a key of type %q", k.Type)
	case len(sizes) > 0 && !slices.Contains(sizes, k.Bits):
		f.add("key.bits", "%d is not one of %v, the sizes of type %q", k.Bits, sizes, k.Type)
	}
	if k.Type == Vault && k.Reuse {
		f.add("key.reuse", "is not possible for a key that Vault makes")
	}
}

// Joined is the list as one error, nil for an empty one.
func Joined(list []FieldError) error {
	errs := make([]error, 0, len(list))
	for _, e := range list {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
