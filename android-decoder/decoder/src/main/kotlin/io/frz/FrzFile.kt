package io.frz

import androidx.annotation.WorkerThread
import io.frz.internal.Budget
import io.frz.internal.Lifetime
import io.frz.internal.Request
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.quote
import io.frz.internal.rebuild.Loader
import io.frz.internal.storage.BufferSource
import io.frz.internal.storage.FileSource
import io.frz.internal.storage.MappedSource
import io.frz.internal.storage.Source
import io.frz.internal.storage.StreamSource
import io.frz.internal.values.Base
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.Collections

/**
 * An open `.frz` file: says what is inside without decoding it, and rebuilds the tensors that are asked for.
 *
 * A damaged file is never decoded: what does not match its checksum, or the format, is an [FrzException] that names the
 * tensor or the byte, whatever the bytes are. Memory is declared before it is taken: a request that needs more than
 * [FrzOptions.memoryBudget] is refused with [ErrorCode.BUDGET], and so is opening a file with a list of tensors that
 * long.
 *
 * ```
 * FrzFile.open(File("model.frz")).use { file ->
 *     val weight = file.load("conv1.weight")
 *     weight.buffer.asFloatBuffer()
 * }
 * ```
 *
 * Instances may be used by several threads at once. What is decoded belongs on threads that may wait. An interrupt of
 * the thread ends its request with [java.io.InterruptedIOException], and [close] ends all of them with
 * [IllegalStateException], as it does later ones; both within milliseconds. Errors of reading are [IOException]s.
 */
public class FrzFile private constructor(private val container: Container, base: FrzFile?, options: FrzOptions) :
    Closeable {
    private val directory = container.directory

    /** What the file says about each of its tensors, in the order of the file. */
    public val tensors: List<TensorInfo> = infos(directory.tensors) { !it.isFactors }

    /** The same of its factors: matrices that [BasisKind.STORED] axes of tensors use. */
    public val factors: List<TensorInfo> = infos(directory.factors.size) { it.isFactors }

    /** How the tensors and factors are stored together, in the order of the file. */
    public val groups: List<GroupInfo> = Collections.unmodifiableList(
        directory.groups.map { group ->
            val all = if (group.isFactors) factors else tensors
            GroupInfo(group, all.subList(group.first, group.first + group.size))
        }
    )

    private val loader = Loader(container, tensors, base?.asBase(), options)

    /** Further names of tensors, such as those of tied weights, and the names that they stand for. */
    public val aliases: Map<String, String> = Collections.unmodifiableMap(directory.aliases())

    /** Texts about the model: licence, source, accuracy … Nothing in them changes how the file is decoded. */
    public val metadata: Map<String, String> = Collections.unmodifiableMap(directory.metadata)

    /** How many capacity levels the complete file has. */
    public val tiers: Int get() = directory.tiers

    /** How many of them are here, from the first; fewer than [tiers] if the file was cut after one. */
    public val tiersPresent: Int get() = container.tiersPresent

    /** The capacity level that is decoded. */
    public val tier: Int get() = container.tier

    /** Whether [name] is a tensor of the file, or an alias of one. */
    public operator fun contains(name: String): Boolean = directory.find(name) >= 0

    /** What the file says about the tensor called [name]; [ErrorCode.NOT_FOUND] if there is none. */
    @Throws(FrzException::class)
    public fun tensor(name: String): TensorInfo {
        val number = directory.find(name)
        if (number >= 0) return tensors[number]
        throw FrzException(
            ErrorCode.NOT_FOUND,
            "the file holds ${tensors.size} tensors, but none of this name",
            name
        )
    }

    /**
     * Rebuilds the tensor called [name] in memory of its own; see [FrzTensor.buffer].
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun load(name: String): FrzTensor = container.lifetime.request(name) {
        val info = tensor(name)
        FrzTensor(name, info.dtype, info.shape, loader.load(info, null, it))
    }

    /**
     * Rebuilds the tensor called [name] in [target], from its position on, and advances the position past it.
     * The elements are little-endian, whatever the order of the buffer. If this throws, what is there is undefined.
     *
     * @throws IllegalArgumentException if [target] is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadInto(name: String, target: ByteBuffer): Unit = container.lifetime.request(name) {
        val info = tensor(name)
        val memory = portion(target, info)
        loader.load(info, memory, it)
        target.position(memory.limit())
    }

    /**
     * Rebuilds all tensors. Aliases are among the keys and share the memory of what they stand for.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadAll(): Map<String, FrzTensor> = container.lifetime.request(null) { request ->
        val all = LinkedHashMap<String, FrzTensor>()
        loader.loadAll(request) { info, memory -> all[info.name] = rebuilt(info, memory) }
        for ((alias, name) in aliases) {
            val target = all.getValue(name)
            all[alias] = FrzTensor(alias, target.dtype, target.shape, target.buffer)
        }
        all
    }

    /**
     * Rebuilds all tensors one after the other, in the order of the file, and hands each to [visitor]. All are rebuilt
     * in the same memory, so this takes no more of it than the largest tensor; copy what has to outlive the visit.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(visitor: TensorVisitor): Unit = container.lifetime.request(null) { request ->
        loader.forEach(request) { info, memory -> visit(request, visitor, info, memory) }
    }

    /**
     * Rebuilds all tensors one after the other, in the order of the file, each in what [memory] gives for it, and hands
     * each to [visitor]. No memory but the caller's is taken for them.
     *
     * @throws IllegalArgumentException if a buffer is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(memory: TensorMemory, visitor: TensorVisitor): Unit =
        container.lifetime.request(null) { request ->
            val allocate = { info: TensorInfo -> request.outside { memory.memory(info) }?.let { portion(it, info) } }
            loader.forEach(0, request, allocate) { info, bytes -> visit(request, visitor, info, bytes) }
        }

    /**
     * The core of the tensor called [name], without its bases: in zigzag order if [TensorInfo.kept] says so, else in
     * row-major order of the corner [TensorInfo.box], which is the shape of what this returns. Values are of type f32,
     * or of the tensor's own if they are its elements bit for bit.
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun core(name: String): FrzTensor = container.lifetime.request(name) { core(tensor(name), it) }

    /**
     * Factor [number] of the file, counted from 0: its first rows, which are those that the opened tier has.
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun factor(number: Int): FrzTensor = container.lifetime.request(null) {
        if (number !in factors.indices) {
            throw FrzException(ErrorCode.NOT_FOUND, "the file holds ${factors.size} factors, but no factor $number")
        }
        core(factors[number], it)
    }

    private fun core(info: TensorInfo, request: Request): FrzTensor {
        val dtype = if (info.record.isExact(info.index)) info.dtype else DType.F32
        val shape = info.kept?.let { longArrayOf(it.toLong()) } ?: info.box
        return FrzTensor(info.name, dtype, shape, loader.core(info.record, info.index, request))
    }

    /**
     * Decodes everything up to [tier] without rebuilding it, and throws at the first fault.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun verify(): Unit = container.lifetime.request(null) { loader.verify(it) }

    /** What a delta file sees of this file, if it is its base. */
    private fun asBase() = Base(container) { name -> directory.find(name).let { if (it < 0) null else tensors[it] } }

    /** Lets go of the file on disk, if there is one. What has been loaded stays. */
    @Throws(IOException::class)
    override fun close(): Unit = container.close()

    /** The bytes of [target] that the tensor [info] is to fill. */
    private fun portion(target: ByteBuffer, info: TensorInfo): ByteBuffer {
        require(!target.isReadOnly) { "the buffer for tensor ${quote(info.name)} is read-only" }
        require(target.remaining() >= info.bytes) {
            "tensor ${quote(info.name)} takes ${info.bytes} bytes and the buffer has room for ${target.remaining()}"
        }
        val memory = target.duplicate()
        memory.limit(memory.position() + info.bytes.toInt())
        return memory
    }

    private fun visit(request: Request, visitor: TensorVisitor, info: TensorInfo, memory: ByteBuffer) {
        val tensor = rebuilt(info, memory.slice())
        request.outside { visitor.visit(tensor) }
    }

    private fun infos(count: Int, wanted: (Group) -> Boolean): List<TensorInfo> {
        val infos = ArrayList<TensorInfo>(count)
        for (group in directory.groups) {
            if (wanted(group)) repeat(group.size) { infos.add(TensorInfo(group, it, tiers, tier)) }
        }
        return Collections.unmodifiableList(infos)
    }

    private fun rebuilt(info: TensorInfo, memory: ByteBuffer) = FrzTensor(info.name, info.dtype, info.shape, memory)

    /**
     * Opens files. Each way throws [FrzException] with one of these: [ErrorCode.MAGIC], [ErrorCode.VERSION],
     * [ErrorCode.HEADER], [ErrorCode.LIMIT], [ErrorCode.TRUNCATED], [ErrorCode.TRAILING], [ErrorCode.CHECKSUM],
     * [ErrorCode.STREAM], [ErrorCode.DIRECTORY], [ErrorCode.FEATURE], [ErrorCode.UNSUPPORTED], [ErrorCode.NAME],
     * [ErrorCode.SHAPE] and [ErrorCode.VALUE] for what is wrong with the file, [ErrorCode.TIER] and [ErrorCode.BUDGET]
     * for what is asked of it.
     *
     * A delta file is the difference to another file, which is given as its base and has to stay open as long as it is
     * used. A base that is not the right one is [ErrorCode.BASE]: it is read once as a whole, to compare checksums.
     * Without a base, the file can be listed; asking for tensors that need it is [ErrorCode.BASE], too. Any other file
     * needs no base, and ignores it.
     */
    public companion object {
        /** Opens a file on disk, of which no more is read than requests need. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(file: File, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(FileSource(file), options, base)

        /** Opens the bytes between position and limit of [bytes], such as a mapped file. They are not copied. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteBuffer, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(BufferSource(bytes), options, base)

        /**
         * Opens a part of a file, [length] bytes from [offset] on, such as an asset that is stored uncompressed:
         *
         * ```
         * context.assets.openFd("model.frz").use {
         *     FrzFile.open(FileInputStream(it.fileDescriptor).channel, it.startOffset, it.length)
         * }
         * ```
         *
         * The part is mapped into memory, which takes none of the heap; [channel] may be closed when this returns. The
         * file must not be cut while it is open here.
         *
         * @throws IllegalArgumentException if the channel's file has not so many bytes
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(
            channel: FileChannel,
            offset: Long,
            length: Long,
            options: FrzOptions = FrzOptions.DEFAULT,
            base: FrzFile? = null
        ): FrzFile {
            val size = channel.size()
            require(offset in 0..size && length in 0..size - offset) {
                "the channel has $size bytes, not $length from byte $offset on"
            }
            return open(MappedSource(channel, offset, length), options, base)
        }

        /** Opens a file in memory. It is not copied. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteArray, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(ByteBuffer.wrap(bytes), options, base)

        /**
         * Opens the file that [stream] brings. It is read no further than [FrzOptions.tier] needs, is kept in memory as
         * far as it was read, and is the caller's to close when this returns.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(stream: InputStream, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(StreamSource(stream, Budget(options.memoryBudget)), options, base)

        private fun open(source: Source, options: FrzOptions, base: FrzFile?): FrzFile {
            val lifetime = Lifetime()
            var opened = false
            try {
                return lifetime.request(null) { request ->
                    val container = Container.open(source, options, lifetime, request)
                    val own = base?.takeIf { container.directory.base != null }
                    own?.asBase()?.check(container, request)
                    FrzFile(container, own, options).also { opened = true }
                }
            } finally {
                if (!opened) source.close()
            }
        }
    }
}
