//! From a vendor's bytes to the model: CAB, SDP, apt, advisories
