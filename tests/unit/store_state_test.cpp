#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <csignal>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.hpp"

using namespace proxip;
using store::State;
using store::Store;

namespace {

// A folder for one test, removed with it.
class Scratch {
  public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "proxip-store-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path folder() const { return path_ / "state"; }

  private:
    std::filesystem::path path_;
};

// A small disk in that place.
class SmallDisk {
  public:
    explicit SmallDisk(std::filesystem::path place) : place_(std::move(place)) {
        std::filesystem::create_directories(place_);
        REQUIRE(::mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=64k") == 0);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() { ::umount2(place_.c_str(), MNT_DETACH); }

  private:
    std::filesystem::path place_;
};

std::string read(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void write(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
}

State state(std::uint64_t generation) {
    Service web;
    web.name = "web";
    web.address = ServiceAddress::parse("tcp://1.1.1.80:80").value();
    web.backends = {{.address = SocketAddress::parse("1.1.1.11:80").value(), .enabled = std::nullopt},
                    {.address = SocketAddress::parse("1.1.1.12:80").value(), .weight = 3, .enabled = false}};
    ProxyPool pool;
    pool.name = "default";
    pool.addresses = {AddressRange::parse("1.1.1.254").value(), AddressRange::parse("10.0.0.16/28").value()};

    State made{
        .generation = generation, .running = {}, .applied = {}, .file_digest = store::digest("a file"), .overlay = {}};
    made.running.agent.interfaces = {{.name = "eth0", .xdp_mode = XdpMode::generic}};
    made.running.pools = {pool};
    made.running.services = {web};
    made.applied = made.running;
    made.applied.services.front().backends.pop_back();
    made.overlay = {{.service = "web", .backend = web.backends.front().address, .admin = Admin::drain}};
    return made;
}

std::unique_ptr<Store> opened(const Scratch& scratch) {
    auto store = Store::open(scratch.folder());
    REQUIRE(store);
    return std::move(*store);
}

void save(Store& store, const State& next) {
    REQUIRE(store.prepare(next));
    REQUIRE(store.commit());
}

std::optional<State> loaded(Store& store, std::optional<std::uint64_t> kernel = std::nullopt) {
    auto state = store.load(kernel);
    INFO((state ? "" : state.error().text()));
    REQUIRE(state);
    return *state;
}

} // namespace

TEST_CASE("what was committed is loaded by the next agent", "[store]") {
    const Scratch scratch;
    CHECK_FALSE(loaded(*opened(scratch)));
    save(*opened(scratch), state(7));
    CHECK(loaded(*opened(scratch)) == state(7));
    save(*opened(scratch), state(8));
    CHECK(loaded(*opened(scratch), 8) == state(8));
}

TEST_CASE("an apply that waits to be confirmed and names of what was removed are kept too", "[store]") {
    const Scratch scratch;
    State next = state(8);
    next.leaving = {{ServiceAddress::parse("udp://[2001:db8::80]:1000-1999").value(), "names"}};
    next.confirm = store::Confirm{.deadline = std::chrono::system_clock::time_point(Millis(1'790'000'000'123)),
                                  .limit = Millis{60'000},
                                  .former = {.generation = 7,
                                             .running = state(7).running,
                                             .applied = state(7).applied,
                                             .file_digest = "abc",
                                             .overlay = state(7).overlay}};
    save(*opened(scratch), next);
    CHECK(loaded(*opened(scratch)) == next);
    next.confirm.reset();
    save(*opened(scratch), next);
    CHECK(loaded(*opened(scratch)) == next);
}

TEST_CASE("what root makes in the folder of a service's user belongs to that user", "[store]") {
    if (::geteuid() != 0) {
        return;
    }
    constexpr uid_t user = 65534;
    const Scratch scratch;
    std::filesystem::create_directory(scratch.folder());
    REQUIRE(::chown(scratch.folder().c_str(), user, user) == 0);
    auto store = Store::open(scratch.folder());
    REQUIRE(store);
    REQUIRE((*store)->prepare(State{}));
    REQUIRE((*store)->commit());
    for (const char* name : {"lock", "state.json"}) {
        CAPTURE(name);
        struct stat made{};
        REQUIRE(::stat((scratch.folder() / name).c_str(), &made) == 0);
        CHECK(made.st_uid == user);
        CHECK(made.st_gid == user);
    }
}

TEST_CASE("folder and files are for the agent and its group", "[store]") {
    const Scratch scratch;
    const mode_t before = ::umask(0);
    save(*opened(scratch), state(1));
    ::umask(before);
    const auto mode = [](const std::filesystem::path& path) {
        struct stat status{};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        return status.st_mode & 07777U;
    };
    CHECK(mode(scratch.folder()) == 0750);
    CHECK(mode(scratch.folder() / "state.json") == 0640);
}

TEST_CASE("after a crash between prepare and commit the kernel's generation decides", "[store]") {
    const Scratch scratch;
    save(*opened(scratch), state(7));
    REQUIRE(opened(scratch)->prepare(state(8))); // and the agent is gone

    SECTION("the kernel took it") {
        CHECK(loaded(*opened(scratch), 8) == state(8));
        CHECK(loaded(*opened(scratch)) == state(8)); // and so it is committed
        CHECK_FALSE(std::filesystem::exists(scratch.folder() / "state.next.json"));
    }
    SECTION("the kernel did not") {
        const auto store = opened(scratch);
        CHECK(loaded(*store, 7) == state(7));
        CHECK_FALSE(std::filesystem::exists(scratch.folder() / "state.next.json"));
        CHECK_FALSE(store->commit());
    }
    SECTION("the kernel's is gone, too: only what was acknowledged counts") {
        CHECK(loaded(*opened(scratch)) == state(7));
    }
    SECTION("the kernel took it, and the committed one is damaged") {
        write(scratch.folder() / "state.json", "junk");
        CHECK(loaded(*opened(scratch), 8) == state(8));
    }
    SECTION("the prepared one is damaged, and the kernel did not take it") {
        write(scratch.folder() / "state.next.json", "junk");
        CHECK(loaded(*opened(scratch), 7) == state(7));
        CHECK(loaded(*opened(scratch)) == state(7));
    }
    SECTION("the prepared one is damaged, and the kernel runs something newer than the committed one") {
        write(scratch.folder() / "state.next.json", "junk");
        const auto result = opened(scratch)->load(8);
        REQUIRE_FALSE(result);
        CHECK(result.error().path == (scratch.folder() / "state.next.json").string());
        CHECK(read(scratch.folder() / "state.next.json") == "junk");
        CHECK(loaded(*opened(scratch), 7) == state(7));
    }
}

TEST_CASE("the first state of all, cut off before the kernel took it", "[store]") {
    const Scratch scratch;
    REQUIRE(opened(scratch)->prepare(state(1)));
    SECTION("not taken") {
        CHECK_FALSE(loaded(*opened(scratch)));
    }
    SECTION("taken") {
        CHECK(loaded(*opened(scratch), 1) == state(1));
    }
}

TEST_CASE("a writer killed in the middle leaves the old state", "[store]") {
    const Scratch scratch;
    save(*opened(scratch), state(7));
    const std::string whole = read(scratch.folder() / "state.json");
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{10}, whole.size() - 1}) {
        write(scratch.folder() / "state.next.json.tmp", whole.substr(0, bytes));
        const auto store = opened(scratch);
        CHECK(loaded(*store) == state(7));
        save(*store, state(7));
    }
}

TEST_CASE("an abandoned state is not committed", "[store]") {
    const Scratch scratch;
    const auto store = opened(scratch);
    save(*store, state(7));
    REQUIRE(store->prepare(state(8)));
    store->abandon();
    const auto committed = store->commit();
    REQUIRE_FALSE(committed);
    CHECK(committed.error().code == ErrorCode::refused);
    CHECK(loaded(*store, 8) == state(7));
}

TEST_CASE("damage is told by what it is, and the file is kept", "[store]") {
    const Scratch scratch;
    save(*opened(scratch), state(7));
    const auto file = scratch.folder() / "state.json";
    const std::string whole = read(file);
    std::string flipped = whole;
    flipped.at(flipped.find("1.1.1.11")) = '2';
    std::string newer = whole;
    newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
    const std::string body = R"({"generation":1,"running":{},"applied":{},"overlay":[]})";
    const auto record = [](const std::string& text) {
        return fmt::format("{{\"version\":1,\"bytes\":{},\"checksum\":\"{}\"}}\n{}\n", text.size(), store::digest(text),
                           text);
    };

    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "damaged: the file is empty"},
        {whole.substr(0, 20), "damaged: the file ends within its first line"},
        {whole.substr(0, whole.size() / 2), "bytes of state, expected"},
        {whole + "x", "bytes of state, expected"},
        {flipped, "damaged: the checksum is "},
        {std::string("\x7f\x45\x4c\x46\0\n\0\0", 8), "damaged: the first line is not a JSON object"},
        {"{}\n{}\n", "damaged: the first line does not have version, bytes and checksum"},
        {newer, "written by another release: version 2, expected 1"},
        {record("[]"), "damaged: the state is not a JSON object"},
        {record(body), "damaged: 'file_digest' is missing or not a string"},
        {record(R"({"generation":-1})"), "damaged: 'generation' is missing or not a number"}};
    for (const auto& [text, message] : cases) {
        write(file, text);
        const auto result = opened(scratch)->load(std::nullopt);
        INFO(message);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::failed);
        CHECK(result.error().path == file.string());
        CHECK_THAT(result.error().message, Catch::Contains(message));
        CHECK(read(file) == text);
    }
}

TEST_CASE("a value that this program does not know is told with its place", "[store]") {
    const Scratch scratch;
    save(*opened(scratch), state(7));
    const auto file = scratch.folder() / "state.json";
    std::string body = read(file);
    body = body.substr(body.find('\n') + 1);
    body.pop_back();
    body.replace(body.find("drain"), 5, "dozes");
    write(file, fmt::format("{{\"version\":1,\"bytes\":{},\"checksum\":\"{}\"}}\n{}\n", body.size(),
                            store::digest(body), body));
    const auto result = opened(scratch)->load(std::nullopt);
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().path, Catch::EndsWith("state.json.overlay[0].admin"));
}

TEST_CASE("one folder, one agent", "[store]") {
    const Scratch scratch;
    SECTION("the second is refused, with the first one's pid") {
        const auto first = opened(scratch);
        const auto second = Store::open(scratch.folder());
        REQUIRE_FALSE(second);
        CHECK(second.error().code == ErrorCode::refused);
        CHECK(second.error().text() == fmt::format("{}: the state folder is held by another agent, pid {}",
                                                   scratch.folder().string(), ::getpid()));
        save(*first, state(1));
    }
    SECTION("one that was killed holds nothing") {
        std::array<int, 2> ready{};
        REQUIRE(::pipe(ready.data()) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const auto held = Store::open(scratch.folder());
            const bool told = held && ::write(ready[1], "x", 1) == 1;
            ::pause();
            ::_exit(told ? 0 : 1);
        }
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        const auto second = Store::open(scratch.folder());
        REQUIRE_FALSE(second);
        CHECK_THAT(second.error().message, Catch::EndsWith(fmt::format("pid {}", child)));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        CHECK(Store::open(scratch.folder()));
        ::close(ready[0]);
        ::close(ready[1]);
    }
}

TEST_CASE("a folder that cannot be made or used is told with its path", "[store]") {
    const Scratch scratch;
    SECTION("a file is in its place") {
        write(scratch.folder(), "");
        const auto result = Store::open(scratch.folder());
        REQUIRE_FALSE(result);
        CHECK(result.error().text() == scratch.folder().string() + ": open the folder: Not a directory");
    }
    SECTION("a file is in its way") {
        write(scratch.folder(), "");
        const auto result = Store::open(scratch.folder() / "below");
        REQUIRE_FALSE(result);
        CHECK_THAT(result.error().message, Catch::StartsWith("make the folder: "));
    }
    SECTION("parents are made") {
        CHECK(Store::open(scratch.folder() / "far" / "below"));
    }
    SECTION("it is removed while it is used") {
        const auto store = opened(scratch);
        std::filesystem::remove_all(scratch.folder());
        const auto result = store->prepare(state(1));
        REQUIRE_FALSE(result);
        CHECK(result.error().path == (scratch.folder() / "state.next.json.tmp").string());
        CHECK(result.error().message == "open for writing: No such file or directory");
    }
    SECTION("something else is in the place of a file") {
        const auto store = opened(scratch);
        save(*store, state(7));
        std::filesystem::create_directories(scratch.folder() / "state.next.json" / "x");
        const auto result = store->prepare(state(8));
        REQUIRE_FALSE(result);
        CHECK_THAT(result.error().message, Catch::Contains("Is a directory"));
        std::filesystem::remove_all(scratch.folder() / "state.next.json");
        CHECK(loaded(*store, 8) == state(7));
    }
}

TEST_CASE("a disk that is full or read-only loses nothing", "[store][root]") {
    if (::geteuid() != 0) {
        WARN("SKIPPED: a file system of its own needs root");
        return;
    }
    const Scratch scratch;
    const auto folder = scratch.folder();
    const SmallDisk disk(folder);
    save(*opened(scratch), state(7));

    SECTION("full") {
        const auto store = opened(scratch);
        State large = state(8);
        large.file_digest.assign(100'000, 'x');
        const auto result = store->prepare(large);
        REQUIRE_FALSE(result);
        CHECK(result.error().path == (folder / "state.next.json.tmp").string());
        CHECK(result.error().message == "write: No space left on device");
        CHECK(loaded(*store, 8) == state(7));
        save(*store, state(9)); // the half-written one does not keep its place
        CHECK(loaded(*store, 9) == state(9));
    }
    SECTION("read-only") {
        REQUIRE(::mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
        const auto result = Store::open(folder);
        REQUIRE_FALSE(result);
        CHECK(result.error().text() == folder.string() + ": open the lock file: Read-only file system");
        REQUIRE(::mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT, nullptr) == 0);
        CHECK(loaded(*opened(scratch)) == state(7));
    }
}

TEST_CASE("a text that is not UTF-8 cannot be stored, and nothing breaks", "[store]") {
    const Scratch scratch;
    const auto store = opened(scratch);
    save(*store, state(7));
    State bad = state(8);
    bad.file_digest = "\xff\xfe";
    const auto result = store->prepare(bad);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::invalid);
    CHECK(loaded(*store, 8) == state(7));
}

TEST_CASE("the digest of a text", "[store]") {
    CHECK(store::digest("") == "cbf29ce484222325"); // the offset basis of FNV-1a 64
    CHECK(store::digest("a") == "af63dc4c8601ec8c");
    CHECK(store::digest("foobar") == "85944171f73967e8");
}
