// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package certificate handles one X.509 certificate: the request to Vault
// (NewRequest), the check of the answer (ReadAnswer), the files that are made of it
// (Output), and when it is renewed (Schedule, Breaker). What is asked for is
// specified by package certspec.
//
// It does no I/O: no file, no network, no clock. Times are arguments. Private keys
// are made from the operating system's source of random numbers.
package certificate
