#include "control/ike/wire/rules.h"

#include <algorithm>

#include "control/ike/wire/payloads.h"

namespace kanmon::ike {
namespace {

using P = PayloadType;
using S = Shape;

// One row a payload; a payload without a row must not appear, those of kAnywhere aside.
constexpr PayloadRule kRules[] = {
    // clang-format off
    // shape                payload   min max
    {S::kInitRequest,       P::kSa,     1, 1},
    {S::kInitRequest,       P::kKe,     1, 1},
    {S::kInitRequest,       P::kNonce,  1, 1},

    {S::kInitResponse,      P::kSa,     1, 1},
    {S::kInitResponse,      P::kKe,     1, 1},
    {S::kInitResponse,      P::kNonce,  1, 1},

    {S::kInitRefused,       P::kNotify, 1, 64},

    {S::kAuthRequest,       P::kIdi,    1, 1},
    {S::kAuthRequest,       P::kIdr,    0, 1},
    {S::kAuthRequest,       P::kAuth,   1, 1},
    {S::kAuthRequest,       P::kSa,     1, 1},
    {S::kAuthRequest,       P::kTsi,    1, 1},
    {S::kAuthRequest,       P::kTsr,    1, 1},

    {S::kAuthResponse,      P::kIdr,    1, 1},
    {S::kAuthResponse,      P::kAuth,   1, 1},
    {S::kAuthResponse,      P::kSa,     1, 1},
    {S::kAuthResponse,      P::kTsi,    1, 1},
    {S::kAuthResponse,      P::kTsr,    1, 1},

    {S::kAuthNoChild,       P::kIdr,    1, 1},
    {S::kAuthNoChild,       P::kAuth,   1, 1},
    {S::kAuthNoChild,       P::kNotify, 1, 64},

    {S::kAuthRefused,       P::kNotify, 1, 64},
    {S::kAuthRefused,       P::kIdr,    0, 1},

    {S::kChildRequest,      P::kSa,     1, 1},
    {S::kChildRequest,      P::kNonce,  1, 1},
    {S::kChildRequest,      P::kKe,     0, 1},
    {S::kChildRequest,      P::kTsi,    1, 1},
    {S::kChildRequest,      P::kTsr,    1, 1},

    {S::kChildResponse,     P::kSa,     1, 1},
    {S::kChildResponse,     P::kNonce,  1, 1},
    {S::kChildResponse,     P::kKe,     0, 1},
    {S::kChildResponse,     P::kTsi,    1, 1},
    {S::kChildResponse,     P::kTsr,    1, 1},

    {S::kRekeyIkeRequest,   P::kSa,     1, 1},
    {S::kRekeyIkeRequest,   P::kNonce,  1, 1},
    {S::kRekeyIkeRequest,   P::kKe,     1, 1},

    {S::kRekeyIkeResponse,  P::kSa,     1, 1},
    {S::kRekeyIkeResponse,  P::kNonce,  1, 1},
    {S::kRekeyIkeResponse,  P::kKe,     1, 1},

    {S::kCreateRefused,     P::kNotify, 1, 64},

    {S::kInformational,     P::kDelete, 0, 64},
    // clang-format on
};

// Harmless in any message; whoever cares looks for them.
constexpr P kAnywhere[] = {P::kNotify, P::kVendorId, P::kCert, P::kCertReq, P::kCp, P::kEap};

// SA whose first proposal is of protocol IKE: | 0 or 2 | 0 | length | number | protocol | …
bool proposes_ike(const Chain& chain) {
  const Payload* sa = chain.find(P::kSa);
  return sa != nullptr && sa->body.size() > 5 &&
         sa->body[5] == static_cast<uint8_t>(ProtocolId::kIke);
}

bool has_notify(const Chain& chain) {
  return chain.find(P::kNotify) != nullptr;
}

Shape init_shape(bool response, const Chain& chain) {
  if (!response) return S::kInitRequest;
  return chain.find(P::kSa) == nullptr && has_notify(chain) ? S::kInitRefused : S::kInitResponse;
}

Shape auth_shape(bool response, const Chain& chain) {
  if (!response) return S::kAuthRequest;
  if (!find_error(chain)) return S::kAuthResponse;
  if (chain.find(P::kAuth) == nullptr) return S::kAuthRefused;
  return chain.find(P::kSa) == nullptr ? S::kAuthNoChild : S::kAuthResponse;
}

Shape create_shape(bool response, const Chain& chain) {
  if (response && chain.find(P::kSa) == nullptr && find_error(chain)) return S::kCreateRefused;
  if (proposes_ike(chain)) return response ? S::kRekeyIkeResponse : S::kRekeyIkeRequest;
  return response ? S::kChildResponse : S::kChildRequest;
}

const PayloadRule* find_rule(Shape shape, P payload) {
  for (const PayloadRule& rule : kRules)
    if (rule.shape == shape && rule.payload == payload) return &rule;
  return nullptr;
}

Refusal blame(P payload, uint32_t at, const char* why) {
  return {NotifyType::kInvalidSyntax, payload, {Errc::kBadValue, at}, why};
}

// A payload that is there: allowed here, not one too many, and as a notify well-formed.
Verdict check_present(Shape shape, const Chain& chain, const Payload& p) {
  const PayloadRule* rule = find_rule(shape, p.type);
  if (rule == nullptr && std::count(std::begin(kAnywhere), std::end(kAnywhere), p.type) == 0)
    return blame(p.type, p.at, "does not belong here");
  if (rule != nullptr && chain.count(p.type) > rule->max) return blame(p.type, p.at, "duplicate");
  if (p.type != P::kNotify) return {};
  const auto notify = parse_notify(p.body);
  if (notify.ok()) return {};
  const Error e = notify.error();
  const auto at = static_cast<uint32_t>(p.at + kGenericHeaderBytes + e.at);
  return Refusal{NotifyType::kInvalidSyntax, p.type, {e.code, at}, "malformed"};
}

}  // namespace

const char* to_string(Shape shape) {
  switch (shape) {
    case S::kInitRequest:
      return "IKE_SA_INIT request";
    case S::kInitResponse:
      return "IKE_SA_INIT response";
    case S::kInitRefused:
      return "IKE_SA_INIT refusal";
    case S::kAuthRequest:
      return "IKE_AUTH request";
    case S::kAuthResponse:
      return "IKE_AUTH response";
    case S::kAuthNoChild:
      return "IKE_AUTH response without child SA";
    case S::kAuthRefused:
      return "IKE_AUTH refusal";
    case S::kChildRequest:
      return "CREATE_CHILD_SA request";
    case S::kChildResponse:
      return "CREATE_CHILD_SA response";
    case S::kRekeyIkeRequest:
      return "IKE SA rekey request";
    case S::kRekeyIkeResponse:
      return "IKE SA rekey response";
    case S::kCreateRefused:
      return "CREATE_CHILD_SA refusal";
    case S::kInformational:
      return "INFORMATIONAL";
    case S::kUnknown:
      break;
  }
  return "unknown exchange";
}

std::span<const PayloadRule> payload_rules() {
  return kRules;
}

bool must_be_encrypted(Shape shape) {
  return shape != S::kInitRequest && shape != S::kInitResponse && shape != S::kInitRefused;
}

Shape shape_of(const Header& header, const Chain& chain) {
  switch (header.exchange) {
    case ExchangeType::kIkeSaInit:
      return init_shape(header.response, chain);
    case ExchangeType::kIkeAuth:
      return auth_shape(header.response, chain);
    case ExchangeType::kCreateChildSa:
      return create_shape(header.response, chain);
    case ExchangeType::kInformational:
      return S::kInformational;
  }
  return S::kUnknown;
}

Verdict check_payloads(Shape shape, const Chain& chain) {
  if (shape == S::kUnknown) return blame(P::kNone, 0, "unknown exchange");
  for (const Payload& p : chain.payloads())
    if (Verdict v = check_present(shape, chain, p)) return v;
  for (const PayloadRule& rule : kRules)
    if (rule.shape == shape && chain.count(rule.payload) < rule.min)
      return blame(rule.payload, 0, "missing");
  return {};
}

Verdict check_outside(const Header& header, const Chain& chain) {
  const Payload* encrypted = chain.encrypted();
  if (header.exchange == ExchangeType::kIkeSaInit) {
    if (encrypted != nullptr) return blame(encrypted->type, encrypted->at, "does not belong here");
    return {};
  }
  if (encrypted == nullptr) return blame(P::kSk, 0, "missing");
  const Payload& first = chain.payloads().front();
  if (&first != encrypted) return blame(first.type, first.at, "outside of SK");
  return {};
}

}  // namespace kanmon::ike
