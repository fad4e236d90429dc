// Lines of a batch to steps.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/batch.hpp"

namespace batch_test {
namespace {

namespace api = proxip::api;
using proxip::ErrorCode;
using proxip::cli::parse_batch;
using proxip::cli::split_words;
using Words = std::vector<std::string>;

api::Batch batch(const char* text) {
    auto parsed = parse_batch(text, "changes.txt");
    INFO(text);
    if (!parsed) {
        FAIL(parsed.error().text());
    }
    return std::move(*parsed);
}

proxip::Error refused(const char* text) {
    const auto parsed = parse_batch(text, "changes.txt");
    INFO(text);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

TEST_CASE("a line is split as a shell does", "[cli]") {
    CHECK(split_words("a  b\tc\r").value() == Words{"a", "b", "c"});
    CHECK(split_words("").value().empty());
    CHECK(split_words("a # b").value() == Words{"a"});
    CHECK(split_words("a#b").value() == Words{"a#b"});
    CHECK(split_words(R"("a b" 'c "d' e\ f "" x"y"z)").value() == Words{"a b", "c \"d", "e f", "", "xyz"});
    CHECK(split_words(R"('a\b' "a\"b")").value() == Words{R"(a\b)", R"(a"b)"});
    CHECK_FALSE(split_words("\"a").has_value());
    CHECK_FALSE(split_words("a\\").has_value());
}

TEST_CASE("each line of a batch is a change with its place", "[cli]") {
    const auto parsed = batch("# first\n"
                              "service add web tcp://1.1.1.80:80 --backend 1.1.1.11:80\n"
                              "\n"
                              "  lbctl backend set web 1.1.1.11:80 --weight 3   # more\n"
                              "server drain 1.1.1.12\r\n"
                              "backend disable web 1.1.1.11:80");
    REQUIRE(parsed.steps.size() == 4);
    CHECK(parsed.steps[0].place == "changes.txt:2");
    CHECK(std::get<api::ServiceAdd>(parsed.steps[0].edit).service.backends.size() == 1);
    CHECK(parsed.steps[1].place == "changes.txt:4");
    CHECK(std::get<api::BackendSet>(parsed.steps[1].edit).patch.weight == 3U);
    CHECK(std::get<api::ServerAdmin>(parsed.steps[2].edit).admin == proxip::Admin::drain);
    CHECK(parsed.steps[3].place == "changes.txt:6");
    CHECK(batch("").steps.empty());
}

TEST_CASE("what is no change of its own is refused with its line", "[cli]") {
    const std::pair<const char*, const char*> cases[] = {
        {"status\n", "is no change"},
        {"\n\napply -f x\n", "reads no file"},
        {"batch -f x\n", "reads no file"},
        {"--help\n", "is no change"},
        {"backend drain web 1.1.1.11:80 --wait 5s\n", "no --wait"},
        {"service del web --if-generation 3\n", "for the batch as a whole"},
        {"service del web --dry-run\n", "for the batch as a whole"},
        {"-o json service del web\n", "for the batch as a whole"},
        {"service del\n", "required"},
        {"nonsense\n", "not a command"},
        {"service del 'web\n", "not closed"},
    };
    for (const auto& [text, reason] : cases) {
        const auto error = refused(text);
        CHECK(error.code == ErrorCode::invalid);
        CHECK_THAT(error.path, Catch::StartsWith(text[0] == '\n' ? "changes.txt:3" : "changes.txt:1"));
        CHECK_THAT(error.text(), Catch::Contains(reason));
    }
}

} // namespace
} // namespace batch_test
