// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"errors"
	"fmt"
	"slices"
)

// Validate returns everything that is wrong with the output for a key of that
// kind; nil if nothing is. A password that is not known yet may be left for
// CheckPassword.
func (o Output) Validate(key KeySpec) []FieldError {
	var f fields
	list, known := forms[o.Kind]
	switch {
	case !known:
		f.add("files", "%q is not a kind of file", o.Kind)
	case o.Form != "" && !slices.Contains(list, o.Form):
		f.add(string(o.Kind), "the form %q is not one of %q", o.Form, list)
	}
	kind := key.normal().Type
	if o.Form == PKCS1 && kind != RSA && kind != Vault {
		f.add(string(o.Kind), "the form %q is for keys of type %q, not %q", o.Form, RSA, kind)
	}
	if o.Form == SEC1 && kind != EC && kind != Vault {
		f.add(string(o.Kind), "the form %q is for keys of type %q, not %q", o.Form, EC, kind)
	}
	if o.Password != "" && !o.HasPassword() {
		f.add(string(o.Kind), "has no password")
	}
	if o.Alias != "" && o.Kind != JKS {
		f.add(string(o.Kind), "has no alias")
	}
	if hasControl(o.Alias) || !isASCII(o.Alias) {
		f.add(string(o.Kind), "the alias %q has characters that not every Java reads", o.Alias)
	}
	return f
}

// CheckPassword returns an error if the kind cannot be made with the password.
// Java takes no file without one, keytool none with fewer than six characters,
// and programs disagree about what is not ASCII.
func (o Output) CheckPassword() error {
	text := string(o.Password)
	switch {
	case !o.HasPassword():
		return nil
	case len(text) < shortestPassword:
		return fmt.Errorf("the password has fewer than %d characters, which keytool refuses", shortestPassword)
	case hasControl(text) || !isASCII(text):
		return errors.New("the password has characters other than printable ASCII, about which programs disagree: is there a line break at its end?")
	}
	return nil
}

const shortestPassword = 6
