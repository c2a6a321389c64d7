// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certspec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Kind is the content of a file, named as in the configuration.
type Kind string

// The kinds. Those that contain the private key are marked with *.
const (
	Cert       Kind = "cert"       // PEM: the leaf
	FullChain  Kind = "fullchain"  // PEM: the leaf, then the intermediates, without roots
	Chain      Kind = "chain"      // PEM: the issuers without the leaf, roots included if Vault sent them
	CA         Kind = "ca"         // PEM: the trust bundle
	Key        Kind = "key"        // * PEM: the private key
	Combined   Kind = "combined"   // * PEM: fullchain, then key
	PKCS12     Kind = "pkcs12"     // * fullchain and key
	JKS        Kind = "jks"        // * fullchain and key
	Truststore Kind = "truststore" // the trust bundle, for Java
)

// Kinds returns all kinds, in the order in which the documentation lists them.
func Kinds() []Kind {
	return []Kind{Cert, FullChain, Chain, CA, Key, Combined, PKCS12, JKS, Truststore}
}

// HoldsLeaf reports whether a file of this kind contains the certificate.
func (k Kind) HoldsLeaf() bool { return k == Cert || k == FullChain || k.HoldsKey() && k != Key }

// HoldsKey reports whether a file of this kind contains the private key.
func (k Kind) HoldsKey() bool { return k == Key || k == Combined || k == PKCS12 || k == JKS }

// HasPassword reports whether a file of this kind needs a password.
func (k Kind) HasPassword() bool { return k == PKCS12 || k == JKS || k == Truststore }

// Form is the encoding of a file, named as in the configuration.
type Form string

// The forms.
const (
	PKCS8 Form = "pkcs8" // of a key
	PKCS1 Form = "pkcs1" // of a key, RSA only
	SEC1  Form = "sec1"  // of a key, EC only

	Modern Form = "modern" // of PKCS#12: AES and SHA-256; OpenSSL 1.1.1, Java 8u301 and later
	Legacy Form = "legacy" // of PKCS#12: 3DES and SHA-1, for what is older

	Java Form = "jks" // of a truststore; the forms of PKCS#12 are possible, too
)

// Forms returns the possible forms of a kind, the default first; nil if there is no
// choice.
func (k Kind) Forms() []Form {
	switch k {
	case Key, Combined:
		return []Form{PKCS8, PKCS1, SEC1}
	case PKCS12:
		return []Form{Modern, Legacy}
	case Truststore:
		return []Form{Java, Modern, Legacy}
	}
	return nil
}

// Output specifies one file that is made of a certificate.
type Output struct {
	Kind  Kind
	Form  Form   // "" means the kind's default
	Alias string // of the entry in a JKS file; "" means "certificate"
}

// WithDefaults returns the output with the defaults filled in.
func (o Output) WithDefaults() Output {
	if forms := o.Kind.Forms(); o.Form == "" && len(forms) > 0 {
		o.Form = forms[0]
	}
	if o.Alias == "" {
		o.Alias = "certificate"
	}
	o.Alias = strings.ToLower(o.Alias) // as Java does
	return o
}

// Validate returns everything that is wrong with the output for a key of that
// kind; nil if nothing is.
func (o Output) Validate(key KeySpec) []Problem {
	var ps problems
	if !slices.Contains(Kinds(), o.Kind) {
		ps.add(Problem{Key: "files", Value: string(o.Kind), text: "%s is not a kind of file"})
	} else if o.Form != "" && !slices.Contains(o.Kind.Forms(), o.Form) {
		ps.add(Problem{Key: string(o.Kind), Value: string(o.Form), text: "unknown value %s"})
	}
	key = key.WithDefaults()
	for form, of := range map[Form]KeyType{PKCS1: RSA, SEC1: EC} {
		if o.Form == form && key.Type != of && key.Type != Vault {
			ps.add(Problem{
				Key: "key.format", Conflict: true,
				text: fmt.Sprintf("%s is for keys of type %q", strings.ToUpper(string(form)), of), Hint: `write "pkcs8", or change type`,
			})
		}
	}
	if o.Alias != "" && o.Kind != JKS {
		ps.add(Problem{Key: "jks_alias", Conflict: true, text: fmt.Sprintf("has no effect on a file of kind %q", o.Kind), Hint: "remove it"})
	}
	if hasSpaceOrControl(o.Alias) || !isASCII(o.Alias) {
		ps.add(Problem{Key: "jks_alias", text: "has characters that some versions of Java cannot read", Hint: "use letters and digits"})
	}
	return ps
}

const shortestPassword = 6

// CheckPassword returns an error if some program cannot open a file with the
// password. Java takes no file without one, keytool none with fewer than six
// characters, and programs disagree about what is not ASCII.
func CheckPassword(password redact.Secret) error {
	text := string(password)
	switch {
	case len(text) < shortestPassword:
		return fmt.Errorf("the password has fewer than %d characters, which keytool refuses", shortestPassword)
	case hasControl(text) || !isASCII(text):
		return errors.New("the password has characters other than printable ASCII, about which programs disagree: is there a line break at its end?")
	}
	return nil
}
