// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package certificate knows all about one X.509 certificate: what is asked of
// Vault (Spec, Request), whether the answer is what was asked for (Answer), the
// files that are made of it (Output), and when to ask again (Schedule, Backoff,
// Breaker).
//
// It refuses to touch the world: no file, no network, no clock. Time and the
// random numbers of delays are arguments. Only private keys are made of what
// the operating system has of randomness, since Go takes it from nowhere else.
//
// # Equal inputs give equal bytes
//
// A file is not rewritten while its content is the same, so what is encrypted
// has to come out the same each time. The salts and initialization vectors of
// PKCS#12 and JKS files are therefore not random but the output of SHAKE256 over
// all that the file will hold: format, names, certificates and the private key.
// This is as safe as random ones, for these reasons:
//
//   - A salt has to differ from file to file, so that one guess of a password
//     counts for one file only. Another content gives other salts. Two files
//     with one content and two passwords share their salts, but the keys made
//     of these have nothing in common.
//   - Each encryption key is made of the password and a salt and encrypts one
//     content, once. Nobody can have a second text of his choice encrypted under
//     it, which is all that an unpredictable initialization vector prevents.
//   - Salts are public. They are made with a one-way function of a private key,
//     which has far too many possible values to be tried, so they tell nothing of
//     it, and nobody without that key can know the salts before he has the file.
//   - The password is left out on purpose. Who knows the rest, as everybody does
//     in the case of a trust store, could else try passwords against the salts,
//     at the price of one hash each instead of the thousands of the format.
//
// What is given away is that two files with equal salts hold the same, which
// their certificates do not hide either. A trust store's salts can be computed in
// advance by who knows its certificates; all that its password protects is their
// integrity.
package certificate
